import { spawn } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** Where nginx is on this machine, if it is. */
export const nginxProgram: string | undefined = [
  ...(process.env['PATH'] ?? '').split(delimiter),
  '/usr/sbin',
]
  .map((folder) => join(folder, 'nginx'))
  .find((file) => existsSync(file))

export interface Nginx {
  readonly url: string
  /** Every byte that it wrote: bodies, cache, logs. */
  written(): Buffer
  /** Files of its cache. */
  cached(): readonly string[]
  stop(): Promise<void>
}

/**
 * Starts nginx in front of servers.
 *
 * @param location what stands in `location / { … }` beside `proxy_pass`.
 */
export async function startNginx(ports: readonly number[], location: string): Promise<Nginx> {
  if (nginxProgram === undefined) throw new Error('there is no nginx on this machine')
  const folder = mkdtempSync(join(tmpdir(), 'sealward-nginx-'))
  for (const name of ['body', 'proxy', 'cache', 'other']) mkdirSync(join(folder, name))
  const port = await freePort()
  const user = process.getuid?.() === 0 ? 'user root;' : ''
  writeFileSync(
    join(folder, 'nginx.conf'),
    `${user}
daemon off; worker_processes 1; pid ${folder}/nginx.pid; error_log ${folder}/error.log info;
events { worker_connections 256; }
http {
  access_log ${folder}/access.log;
  client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/other; uwsgi_temp_path ${folder}/other; scgi_temp_path ${folder}/other;
  proxy_cache_path ${folder}/cache keys_zone=cdn:1m;
  gzip on; gzip_types *; gzip_min_length 1; gzip_proxied any;
  upstream replicas { ${ports.map((one) => `server 127.0.0.1:${one} max_fails=0;`).join(' ')} }
  server {
    listen 127.0.0.1:${port};
    client_max_body_size 0;
    location / { proxy_pass http://replicas; proxy_http_version 1.1; ${location} }
  }
}`,
  )
  const nginx = spawn(nginxProgram, ['-p', folder, '-c', join(folder, 'nginx.conf')], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let errors = ''
  nginx.stderr.on('data', (piece) => {
    errors += piece
  })
  const gone = new Promise<void>((resolve) => nginx.once('exit', () => resolve()))
  const url = `http://127.0.0.1:${port}`
  for (let tries = 0; !(await answers(url)); tries++) {
    if (tries > 100 || nginx.exitCode !== null) throw new Error(`nginx does not start: ${errors}`)
    await sleep(50)
  }
  const files = (): readonly string[] =>
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name !== 'nginx.conf')
      .map((entry) => join(entry.parentPath, entry.name))
  return {
    url,
    written: () => Buffer.concat(files().map((file) => readFileSync(file))),
    cached: () => files().filter((file) => file.startsWith(join(folder, 'cache'))),
    async stop() {
      nginx.kill('SIGTERM')
      await gone
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

const answers = (url: string): Promise<boolean> =>
  fetch(`${url}/healthz`).then(
    ({ status }) => status === 200,
    () => false,
  )

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' ? (address?.port ?? 0) : 0))
    })
  })
}
