import { accounts } from './accounts.ts'

/** The sign-in page: plain HTML, no script. `error` is shown above the form. */
export function signInPage(action: string, error?: string): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sign in · Demonstration hospital</title>
<link rel="stylesheet" href="/identity/sign-in.css">
<main>
<h1>Demonstration hospital</h1>
<p>Staff sign-in 员工登录</p>
${error === undefined ? '' : `<p role="alert">${escapeHtml(error)}</p>`}
<form method="post" action="${escapeHtml(action)}" autocomplete="on">
<label for="account">User name 用户名</label>
<input id="account" name="account" autocomplete="username" required autofocus>
<label for="password">Password 密码</label>
<input id="password" name="password" type="password" autocomplete="current-password" required>
<button type="submit">Sign in 登录</button>
</form>
<section>
<h2>Demonstration accounts 演示账户</h2>
<ul>${accounts.map(({ id, password, name }) => `<li><code>${id}</code> / <code>${password}</code>: ${escapeHtml(name)}`).join('')}</ul>
</section>
</main>
</html>`
}

/** The page's style sheet; served beside it, since its policy allows no inline style. */
export const signInStyle = `:root{color-scheme:light dark;font:16px/1.5 system-ui,"Noto Sans CJK SC",sans-serif}
body{margin:0;min-height:100vh;display:grid;place-items:center;background:Canvas;color:CanvasText}
main{width:min(22rem,100% - 2rem);padding:2rem 0}
h1{font-size:1.4rem;margin:0}
p{margin:.25rem 0 1.5rem}
h2{font-size:.9rem;margin:0 0 .25rem}
label{display:block;margin:1rem 0 .25rem;font-weight:600}
input{box-sizing:border-box;width:100%;padding:.6rem .7rem;font:inherit;border:1px solid GrayText;border-radius:.5rem}
button{margin-top:1.5rem;width:100%;padding:.7rem;font:inherit;font-weight:600;border:0;border-radius:.5rem;background:#0b5563;color:#fff;cursor:pointer}
button:hover{background:#08434e}
:focus-visible{outline:3px solid #2a9db0;outline-offset:2px}
[role=alert]{color:#b3261e;font-weight:600;margin:0}
section{margin-top:2rem;padding-top:1rem;border-top:1px solid GrayText}
ul{padding-left:1.1rem;margin:0}
`

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}
