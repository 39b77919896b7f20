import { randomBytes, randomUUID } from 'node:crypto'
import { crc32, deflateSync } from 'node:zlib'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { runIn } from '../../packages/enclave/src/testing/postgres.ts'
import { found } from './canaries/traces.ts'
import { openBrowser, openPage, signIn, startTestStack, type TestStack } from './stack-fixture.ts'

/** A patient that nobody has. */
const family = 'Zzyzxcanary'

let on: TestStack
let browser: Browser

beforeAll(async () => {
  on = await startTestStack()
  browser = await openBrowser(on)
})

afterAll(async () => {
  await browser?.close()
  await on?.stop()
})

test('the platform is killed in the middle of an upload: the film is sent again, sealed anew, and kept once', async () => {
  const { page, context, complaints } = await openPage(browser)
  await signIn(page, on.stack.url, 'clerk')
  const number = await register(page)
  const film = noise(2000, 1800)
  const network = await context.newCDPSession(page)
  await network.send('Network.enable')
  const slowly = { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput: 600_000 }
  await network.send('Network.emulateNetworkConditions', slowly)
  await page
    .getByTestId('film-input')
    .setInputFiles({ name: 'film.png', mimeType: 'image/png', buffer: film })
  await untilSent(page, 0.2)
  const restarted = on.stack.enclaves.restartPlatform()
  await network.send('Network.emulateNetworkConditions', { ...slowly, uploadThroughput: -1 })
  await page.getByTestId('upload-again').waitFor({ timeout: 60_000 })
  await restarted
  await page.getByTestId('film-summary').waitFor({ timeout: 90_000 })
  expect(await filmsOf(page, number)).toBe(1)
  expect(complaints).toEqual([])
  // Of the file, nothing but what was sealed has left: neither of its first sending, nor of its second.
  for (const at of [100, 1_000_000]) {
    expect(on.recorder.sent().includes(film.subarray(at, at + 24))).toBe(false)
  }
  expect(on.recorder.sent().length).toBeGreaterThan(film.length)
  await context.close()
})

test('an answer that was lost on its way does not have the film stored twice', async () => {
  const { page, context } = await openPage(browser)
  await signIn(page, on.stack.url, 'clerk')
  const number = await register(page)
  let lost = 0
  await page.route('**/platform/sealed', async (route) => {
    const isFilm = (route.request().postDataBuffer()?.length ?? 0) > 100_000
    if (!isFilm || lost > 0) return route.continue()
    lost++
    await route.fetch()
    return route.abort('connectionreset')
  })
  await page
    .getByTestId('film-input')
    .setInputFiles({ name: 'film.png', mimeType: 'image/png', buffer: noise(600, 600) })
  await page.getByTestId('upload-again').waitFor()
  await page.getByTestId('film-summary').waitFor({ timeout: 60_000 })
  expect([lost, await filmsOf(page, number)]).toEqual([1, 1])
  await context.close()
})

test('an answer that was lost leaves it open whether a patient is erased; sent again, it is the same', async () => {
  const { page, context, complaints } = await openPage(browser)
  await signIn(page, on.stack.url, 'privacy')
  const number = await register(page)
  const patient = idIn(page)
  await page.getByTestId('erase-open').click()
  await page.getByTestId('erase-reason').fill('asked for by the patient')
  await page.getByTestId('erase-number').fill(number)
  // Twice, as some do everywhere: the second click falls on what is asked for next, and does not answer it.
  await page.getByTestId('erase-next').dblclick()
  let lost = 0
  await page.route('**/platform/sealed', async (route) => {
    if (lost > 0) return route.continue()
    lost++
    await route.fetch()
    return route.abort('connectionreset')
  })
  await page.getByTestId('erase-confirm').click()
  await page.getByTestId('erase-again-is-safe').waitFor()
  expect(await page.getByTestId('problem-code').textContent()).toBe('unavailable')
  const erased = `select from sealward.erased where patient = $1`
  expect(await runIn(on.stack.databaseUrl, erased, [patient])).toHaveLength(1)
  await page.getByTestId('erase-confirm').click()
  await page.getByTestId('erased').waitFor()
  expect(lost).toBe(1)
  expect(complaints).toEqual([])
  await context.close()
})

test('a film that cannot be sent is said to be, is still there, and goes when it can', async () => {
  const { page, context } = await openPage(browser)
  await page.clock.install()
  await signIn(page, on.stack.url, 'clerk')
  const number = await register(page)
  let isAway = true
  await page.route('**/platform/sealed', (route) => (isAway ? route.abort() : route.continue()))
  await page
    .getByTestId('film-input')
    .setInputFiles({ name: 'film.png', mimeType: 'image/png', buffer: noise(600, 600) })
  await page.getByTestId('upload-again').waitFor()
  for (let seconds = 0; seconds < 70; seconds += 5) {
    await page.clock.fastForward(5000)
    await page.waitForTimeout(100)
  }
  await page.getByTestId('upload-broken').waitFor()
  const said = page.getByTestId('upload-broken').getByTestId('problem-code')
  expect(await said.textContent()).toBe('unavailable')
  isAway = false
  await page.getByTestId('upload-resume').click()
  await page.getByTestId('film-summary').waitFor({ timeout: 60_000 })
  expect(await filmsOf(page, number)).toBe(1)
  await context.close()
})

test('a session that ends while a form is being filled in keeps what was typed, for whoever signs in again', async () => {
  const { page, context, complaints } = await openPage(browser)
  let lifetimes = [9]
  // The provider gives a short session, as to a laptop that slept through a long one.
  await page.route('**/identity/token', async (route) => {
    const response = await route.fetch()
    const [seconds] = lifetimes
    lifetimes = lifetimes.slice(1)
    const json = (await response.json()) as object
    await route.fulfill({
      response,
      json: seconds === undefined ? json : { ...json, expires_in: seconds },
    })
  })
  await signIn(page, on.stack.url, 'clerk')
  await page.getByTestId('patient-register').click()
  await page.getByTestId('patient-family').fill(family)
  await page.getByTestId('trust-open').click()
  await page.getByTestId('session-expired').waitFor()
  // Nobody who passes by sees it.
  expect(await page.getByTestId('patient-family').isVisible()).toBe(false)
  const [opened] = await Promise.all([
    page.waitForEvent('popup'),
    page.getByTestId('sign-in-button').click(),
  ])
  await answerThere(opened, 'clerk')
  await page.getByTestId('patient-family').waitFor()
  expect(await page.getByTestId('patient-family').inputValue()).toBe(family)
  await page.getByTestId('me').getByText(/\w/).first().waitFor()
  expect(complaints).toEqual([])
  await context.close()
})

test('two tabs, and a platform that starts anew under them: both go on, each verified anew', async () => {
  const { page, context } = await openPage(browser)
  await signIn(page, on.stack.url, 'clerk')
  const number = await register(page)
  const other = await context.newPage()
  await other.goto(on.stack.url)
  await other.getByTestId('sign-in-button').click()
  await other.getByTestId('patient-register').waitFor()
  await on.stack.enclaves.restartPlatform()
  for (const tab of [page, other]) expect(await filmsOf(tab, number)).toBe(0)
  await context.close()
})

test('an observer at the socket saw no trace of what was typed', () => {
  const wire = Buffer.concat([on.recorder.sent(), on.recorder.received()])
  expect(wire.includes('/platform/sealed')).toBe(true)
  expect(found(wire, family)).toEqual([])
})

/** Registers a patient, and stays on their page. */
async function register(page: Page): Promise<string> {
  const number = `CANARY-${randomUUID().slice(0, 8)}`
  await page.getByTestId('patient-register').click()
  await page.getByTestId('patient-identifier').fill(number)
  await page.getByTestId('patient-family').fill(family)
  await page.getByTestId('patient-given').fill('Quillon')
  await page.getByTestId('patient-birthdate').fill('1987-03-09')
  await page.getByTestId('patient-gender').selectOption('female')
  await page.getByTestId('patient-submit').click()
  await page.getByTestId('film-input').waitFor({ state: 'attached' })
  return number
}

/** Finds the patient again, which takes the platform, and counts their films in its database. */
async function filmsOf(page: Page, number: string): Promise<number> {
  await page.getByTestId('nav-patients').click()
  await page.getByTestId('patient-search-identifier').fill(number)
  await page.getByTestId('patient-search-submit').click()
  await page.getByTestId('patient-found').first().click()
  await page.getByTestId('film-input').waitFor({ state: 'attached' })
  return filmsStored(idIn(page))
}

/** Whose page is open. */
function idIn(page: Page): string {
  return new URL(page.url()).hash.split('/').at(-1) ?? ''
}

async function filmsStored(patient: string): Promise<number> {
  const [row] = await runIn(
    on.stack.databaseUrl,
    `select count(*) from sealward.record where type = 'Film' and patient = $1`,
    [patient],
  )
  return Number(row?.['count'])
}

async function untilSent(page: Page, part: number): Promise<void> {
  const progress = page.getByTestId('upload-progress')
  for (;;) {
    const sent = await progress.evaluate((element) => (element as HTMLProgressElement).position)
    if (sent >= part) return
    await page.waitForTimeout(50)
  }
}

/** Signs in where the provider asks for it; it may remember whoever signed in before. */
async function answerThere(opened: Page, account: string): Promise<void> {
  const closed = opened.isClosed() ? undefined : opened.waitForEvent('close')
  const asked = opened
    .locator('#account')
    .waitFor({ timeout: 10_000 })
    .then(
      () => true,
      () => false,
    )
  if (await Promise.race([asked, closed?.then(() => false) ?? false])) {
    await opened.locator('#account').fill(account)
    await opened.locator('#password').fill(account)
    await opened.getByRole('button', { name: /sign in/i }).click()
  }
  await closed
}

/** A grey PNG that does not compress. */
function noise(columns: number, rows: number): Buffer {
  const header = Buffer.alloc(13)
  header.writeUInt32BE(columns, 0)
  header.writeUInt32BE(rows, 4)
  header.set([8, 0, 0, 0, 0], 8)
  const lines = Array.from({ length: rows }, () =>
    Buffer.concat([Buffer.of(0), randomBytes(columns)]),
  )
  const chunk = (type: string, data: Buffer): Buffer => {
    const body = Buffer.concat([Buffer.from(type), data])
    const [length, check] = [Buffer.alloc(4), Buffer.alloc(4)]
    length.writeUInt32BE(data.length)
    check.writeUInt32BE(crc32(body))
    return Buffer.concat([length, body, check])
  }
  return Buffer.concat([
    Buffer.from('89504e470d0a1a0a', 'hex'),
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(Buffer.concat(lines), { level: 0 })),
    chunk('IEND', Buffer.alloc(0)),
  ])
}
