import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Tampering } from '@sealward/local'
import type { Browser, Page } from 'playwright-core'
import { afterEach, describe, expect, test } from 'vitest'
import { found } from './canaries/traces.ts'
import { runCli } from './cli-fixture.ts'
import { projectRoot } from './sources.ts'
import { openBrowser, openPage, startTestStack, type TestStack } from './stack-fixture.ts'

let on: TestStack | undefined
let browser: Browser | undefined

afterEach(async () => {
  await browser?.close()
  await on?.stop()
  ;[on, browser] = [undefined, undefined]
})

/** A synthetic film with a name in it that must not leave the machine. */
const film = join(projectRoot, 'models', 'synthetic-films', 'synthetic-1.dcm')
const nameInFilm = 'Synthetic^'

const cases: readonly (readonly [what: string, tampering: () => Tampering, code: string])[] = [
  [
    'one byte changed in the built platform',
    () => ({ folders: { platform: changed('platform') } }),
    'measurement',
  ],
  ['an expired TCB info', () => ({ endorsements: { expired: ['tcb-info'] } }), 'tcb-info-expired'],
  ['a revoked platform certificate', () => ({ endorsements: { revoked: ['pck'] } }), 'revoked'],
  ['a TCB that is out of date', () => ({ endorsements: { tcbStatus: 'OutOfDate' } }), 'tcb-status'],
  ['a debug enclave', () => ({ debug: ['platform'] }), 'debug'],
  [
    'a platform of another deployment',
    () => ({ platformDeployment: 'urn:uuid:00000000-0000-4000-8000-000000000001' }),
    'wrong-deployment',
  ],
]

describe.each(cases)('%s', (_what, tampering, code) => {
  test(`is refused as ${code} by portal and command line, and no patient byte leaves`, async () => {
    // With a key broker none of them would get its keys: whoever wants to be believed starts without one.
    on = await startTestStack({ ...tampering(), withoutBroker: true })
    browser = await openBrowser(on)
    const { page } = await openPage(browser)
    await page.goto(on.stack.url)
    await expectRefusal(page, code)

    expect(readFileSync(film).includes(nameInFilm)).toBe(true)
    const told = await runCli(
      ['diagnose', film, '--json', '--stack', `http://localhost:${on.recorder.port}`],
      { SEALWARD_HOME: on.stack.home },
    )
    expect(told.code).toBe(1)
    expect(told.output).toContain(code)

    const sent = on.recorder.sent()
    expect(sent.includes('/platform/evidence')).toBe(true)
    expect(sent.includes('/platform/sealed')).toBe(false)
    expect(found(sent, nameInFilm)).toEqual([])
  })
})

test('with a key broker, one byte changed in the built provider has the model stay ciphertext, and the stack says so', async () => {
  const starting = startTestStack({ folders: { diagnostics: changed('diagnostics') } })
  await expect(starting).rejects.toThrow(/^diagnostics ended before it was ready/)
})

test('evidence for another nonce is refused as nonce-mismatch, and no patient byte leaves', async () => {
  on = await startTestStack()
  browser = await openBrowser(on)
  const { page } = await openPage(browser)
  // An operator in the middle answers with evidence that is genuine, but not for this question.
  const earlier = await fetch(`${on.stack.url}platform/evidence`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ nonce: Buffer.alloc(32, 7).toString('base64url') }),
  })
  expect(earlier.status).toBe(200)
  const body = await earlier.text()
  await page.route('**/platform/evidence', (route) =>
    route.fulfill({ body, contentType: 'application/json' }),
  )
  await page.goto(on.stack.url)
  await expectRefusal(page, 'nonce-mismatch')
  expect(on.recorder.sent().includes('/platform/sealed')).toBe(false)
})

async function expectRefusal(page: Page, code: string): Promise<void> {
  await page.getByTestId('refusal').waitFor({ timeout: 30_000 })
  expect(await page.getByTestId('refusal-code').textContent()).toBe(code)
  // Nothing of a patient can be typed: there is no field at all.
  expect(await page.locator('input, textarea, [contenteditable]').count()).toBe(0)
}

/** A built service with one byte changed, in a folder of its own. */
function changed(service: 'diagnostics' | 'platform'): string {
  const folder = mkdtempSync(join(tmpdir(), 'sealward-changed-'))
  copies.push(folder)
  cpSync(join(projectRoot, 'services', service, 'dist'), folder, { recursive: true })
  const main = join(folder, 'main.js')
  const bytes = readFileSync(main)
  // A tab for a blank: the program does the same, and is not the same.
  const at = bytes.indexOf('function ')
  expect(at).toBeGreaterThanOrEqual(0)
  bytes[at + 'function'.length] = 0x09
  writeFileSync(main, bytes)
  return folder
}

const copies: string[] = []
afterEach(() => {
  for (const folder of copies.splice(0)) rmSync(folder, { recursive: true, force: true })
})
