import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'

const modules = [
  '/usr/lib/softhsm/libsofthsm2.so',
  '/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so',
  '/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so',
  '/opt/homebrew/lib/softhsm/libsofthsm2.so',
]

/** SoftHSM, and what reaches it from Node; says on standard output what of it is missing. */
export const softHsmModule: string | undefined = (() => {
  const module = modules.find(existsSync)
  const isBuilt = existsSync(
    join(createRequire(import.meta.url).resolve('pkcs11js'), '../build/Release/pkcs11.node'),
  )
  if (module !== undefined && isBuilt) return module
  const missing = module === undefined ? 'softhsm2' : 'a built pkcs11js'
  process.stdout.write(`PKCS#11: skipped, ${missing} is not on this machine.\n`)
  return undefined
})()

/** Makes a token in `folder`; from then on this process has no other. */
export function makeToken(folder: string, label: string, pin: string): void {
  const tokens = join(folder, 'tokens')
  const config = join(folder, 'softhsm2.conf')
  if (!existsSync(tokens)) {
    mkdirSync(tokens)
    writeFileSync(
      config,
      `directories.tokendir = ${tokens}\nobjectstore.backend = file\nlog.level = ERROR\n`,
    )
  }
  process.env['SOFTHSM2_CONF'] = config
  execFileSync(
    'softhsm2-util',
    ['--init-token', '--free', '--label', label, '--so-pin', '12345678', '--pin', pin],
    { stdio: 'ignore', env: { ...process.env, SOFTHSM2_CONF: config } },
  )
}
