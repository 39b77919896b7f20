import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import AxeBuilder from '@axe-core/playwright'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { runIn } from '../../packages/enclave/src/testing/postgres.ts'
import { found } from './canaries/traces.ts'
import {
  aFilm,
  openBrowser,
  openPage,
  signIn,
  startTestStack,
  type TestStack,
} from './stack-fixture.ts'

/** A patient that nobody has: searched for in everything that leaves the browser or is written down. */
const patient = {
  identifier: 'CANARY-7731-QX',
  family: 'Zzyzxcanary',
  given: 'Quillon',
  birthDate: '1987-03-09',
}

/** Why the patient is erased in the end, and nobody else ever was. */
const reason = 'Qvvreasoncanary'

const traces: readonly string[] = [patient.identifier, patient.family, reason]

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

describe('a film goes from the clerk to the record and is signed', () => {
  let reportUrl = ''

  test('the clerk signs in, the platform is verified, the patient is registered, the film is interpreted', async () => {
    const { page, context, complaints } = await openPage(browser)
    await signIn(page, on.stack.url, 'clerk')
    await page.getByTestId('banner-simulated').waitFor()
    await registerPatient(page)
    await page.getByTestId('film-input').waitFor({ state: 'attached' })
    // What a clerk may not do is not shown.
    expect(await page.getByTestId('erase').count()).toBe(0)
    await page.getByTestId('film-input').setInputFiles(aFilm())
    await page.getByTestId('film-summary').waitFor()
    await page.getByTestId('film-confirm').check()
    await page.getByTestId('order-submit').click()
    const probability = Number(await numberOf(page, 'result-probability'))
    expect(probability).toBeGreaterThanOrEqual(0)
    expect(probability).toBeLessThanOrEqual(100)
    await page.getByTestId('evidence-map').waitFor()
    await page.getByTestId('operating-point').waitFor()
    expect(await axeViolations(page)).toEqual([])
    expect(await page.getByTestId('report-status').getAttribute('data-status')).toBe('preliminary')
    expect(await page.getByTestId('sign-report').count()).toBe(0)
    reportUrl = page.url()
    expect(found(Buffer.from(reportUrl), patient.identifier)).toEqual([])
    expect(complaints).toEqual([])
    await context.close()
  })

  test('the radiologist signs the report, and it is final', async () => {
    const { page, context, complaints } = await openPage(browser)
    await signIn(page, on.stack.url, 'radiologist')
    await page.getByTestId('worklist').waitFor()
    await page.getByTestId('worklist-item').first().click()
    await page.getByTestId('sign-report').click()
    await page.locator('[data-testid=report-status][data-status=final]').waitFor()
    expect(complaints).toEqual([])
    await context.close()
  })

  test('the receipt can be downloaded, and its name holds nothing of the patient', async () => {
    const { page, context } = await openPage(browser)
    await signIn(page, on.stack.url, 'clerk')
    await lookUp(page)
    await page.getByTestId('patient-found').first().click()
    await page.getByTestId('patient-report').first().click()
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByTestId('receipt-download').click(),
    ])
    const receipt = readFileSync(await download.path(), 'utf8')
    expect(JSON.parse(receipt)).toHaveProperty('signature')
    expect(found(Buffer.from(receipt + download.suggestedFilename()), patient.family)).toEqual([])
    await context.close()
  })

  test('whom the platform works with is shown with how each was verified, the key broker too', async () => {
    const { page, context, complaints } = await openPage(browser)
    await signIn(page, on.stack.url, 'clerk')
    // Before that it is the first page’s, which goes.
    await page.getByTestId('patient-register').waitFor()
    await page.getByTestId('trust-open').click()
    for (const role of ['cache-gateway', 'diagnostics', 'key-broker']) {
      await page.getByTestId(`trust-peer-${role}`).waitFor()
    }
    expect(await page.locator('[data-testid^=trust-refused]').count()).toBe(0)
    expect(await axeViolations(page)).toEqual([])
    expect(complaints).toEqual([])
    await context.close()
  })

  test('no axe violation on the page that a radiologist starts at', async () => {
    const { page, context } = await openPage(browser)
    await signIn(page, on.stack.url, 'radiologist')
    await page.getByTestId('worklist').waitFor()
    expect(await axeViolations(page)).toEqual([])
    await context.close()
  })

  test('a privacy officer erases the patient, and nobody finds them again', async () => {
    const [clerk, officer, radiologist] = await Promise.all([
      signedIn('clerk'),
      signedIn('privacy'),
      signedIn('radiologist'),
    ])
    for (const { page } of [clerk, officer]) {
      await lookUp(page)
      await page.getByTestId('patient-found').click()
    }
    await clerk.page.getByTestId('patient-report').waitFor()
    const [, id = ''] = clerk.page.url().split('#/patients/')
    const [row] = await inDatabase('select wrapped from sealward.data_key where patient = $1', id)
    const key = Buffer.from(row?.['wrapped'] as Uint8Array).toString('hex')
    expect(await tablesWith(key)).toEqual(['sealward.data_key'])

    await eraseByKeyboard(officer.page)
    await officer.page.getByTestId('erased').waitFor()
    // As far as the tables go, nobody can open anything of the patient again.
    expect(await tablesWith(key)).toEqual([])
    expect(await inDatabase('select from sealward.record where patient = $1', id)).toEqual([])
    expect(await inDatabase('select from sealward.erased where patient = $1', id)).toHaveLength(1)
    await officer.page.getByTestId('erased-leave').click()
    await officer.page.getByTestId('patient-register').waitFor()
    expect(await officer.page.getByTestId('patient-row').count()).toBe(0)

    // The clerk’s tab is of before: it leads to no report, to no patient, and to nobody of that number.
    if ((await clerk.page.getByTestId('gone').count()) === 0) {
      await clerk.page.getByTestId('patient-report').click()
    }
    await clerk.page.getByTestId('gone').waitFor()
    await clerk.page.goBack()
    await clerk.page.getByTestId('gone').waitFor()
    expect(await clerk.page.locator('body').textContent()).not.toContain(patient.family)
    expect(await axeViolations(clerk.page)).toEqual([])
    await clerk.page.getByTestId('nav-patients').click()
    await lookUp(clerk.page)
    await clerk.page.getByTestId('patients-none').waitFor()
    expect(await clerk.page.getByTestId('patient-row').count()).toBe(0)

    await radiologist.page.getByTestId('worklist').locator('.empty').waitFor()
    await radiologist.page.goto(reportUrl)
    await radiologist.page.getByTestId('gone').waitFor()

    for (const { page, complaints, context } of [clerk, officer, radiologist]) {
      const kept = await page.evaluate(() => JSON.stringify([localStorage, sessionStorage]))
      for (const text of traces) expect(found(Buffer.from(kept + page.url()), text)).toEqual([])
      expect(complaints).toEqual([])
      await context.close()
    }
  })

  test('an observer at the socket saw no trace of the patient, in neither direction', () => {
    const wire = Buffer.concat([on.recorder.sent(), on.recorder.received()])
    expect(wire.length).toBeGreaterThan(100_000)
    expect(wire.includes('/platform/sealed')).toBe(true)
    for (const text of traces) expect(found(wire, text)).toEqual([])
  })

  test('nothing in the state folder holds a trace: tables, write-ahead log, logs, configurations', () => {
    const files = filesBelow(on.stack.home)
    process.stdout.write(`canary: ${files.length} files of the state folder read\n`)
    expect(files.some((file) => file.includes('postgres'))).toBe(true)
    expect(files.some((file) => file.endsWith('platform.log'))).toBe(true)
    const traced = files.filter((file) => {
      const content = readFileSync(file)
      return traces.some((text) => found(content, text).length > 0)
    })
    expect(traced).toEqual([])
  })

  test('the platform’s database is anchored at the key broker', () => {
    const logs = filesBelow(on.stack.home).filter((file) => file.endsWith('.log'))
    const linesOf = (name: string): readonly string[] =>
      logs
        .filter((file) => file.endsWith(`${name}.log`))
        .flatMap((file) => readFileSync(file, 'utf8').split('\n'))
    expect(linesOf('platform').join('\n')).not.toMatch(/database-not-anchored|anchor-not-moved/)
    const anchored = linesOf('key-broker').filter((line) =>
      ['"/anchors/:name"', '"method":"PUT"', '"status":200'].every((part) => line.includes(part)),
    )
    expect(anchored.length).toBeGreaterThan(0)
  })
})

async function registerPatient(page: Page): Promise<void> {
  await page.getByTestId('patient-register').click()
  await page.getByTestId('patient-identifier').fill(patient.identifier)
  await page.getByTestId('patient-family').fill(patient.family)
  await page.getByTestId('patient-given').fill(patient.given)
  await page.getByTestId('patient-birthdate').fill(patient.birthDate)
  await page.getByTestId('patient-gender').selectOption('female')
  await page.getByTestId('patient-submit').click()
}

async function lookUp(page: Page): Promise<void> {
  await page.getByTestId('patient-search-identifier').fill(patient.identifier)
  await page.getByTestId('patient-search-submit').click()
}

/** All of it without a mouse, and with a slip. */
async function eraseByKeyboard(page: Page): Promise<void> {
  const { keyboard } = page
  const focused = (testId: string): Promise<void> =>
    page.locator(`[data-testid=${testId}]:focus`).waitFor()
  await page.getByTestId('erase-open').press('Enter')
  await focused('erase-reason')
  await keyboard.type(reason)
  await keyboard.press('Tab')
  await focused('erase-number')
  await keyboard.type(`${patient.identifier}0`)
  await keyboard.press('Enter')
  await page.locator('[data-testid=erase-number][aria-invalid=true]:focus').waitFor()
  expect(await axeViolations(page)).toEqual([])
  await keyboard.press('Backspace')
  await keyboard.press('Enter')
  await page.locator('h3:focus').waitFor()
  expect(await axeViolations(page)).toEqual([])
  await keyboard.press('Tab')
  await focused('erase-back')
  await keyboard.press('Tab')
  await focused('erase-confirm')
  await keyboard.press('Enter')
}

async function signedIn(account: string): ReturnType<typeof openPage> {
  const opened = await openPage(browser)
  await signIn(opened.page, on.stack.url, account)
  return opened
}

function inDatabase(
  text: string,
  ...values: readonly string[]
): Promise<readonly Record<string, unknown>[]> {
  return runIn(on.stack.databaseUrl, text, values)
}

/** The tables with a row in which there are these bytes, given in hex. */
async function tablesWith(hex: string): Promise<readonly string[]> {
  const holding: string[] = []
  const tables = await inDatabase(
    `select format('%I.%I', schemaname, tablename) as name from pg_tables
     where schemaname not in ('pg_catalog', 'information_schema')`,
  )
  for (const { name } of tables) {
    const text = `select from ${String(name)} t where position($1 in t::text) > 0 limit 1`
    if ((await inDatabase(text, hex)).length > 0) holding.push(String(name))
  }
  return holding
}

async function numberOf(page: Page, testId: string): Promise<string> {
  const shown = page.getByTestId(testId)
  await shown.waitFor({ timeout: 60_000 })
  return (await shown.textContent())?.replace(/[^0-9.]/g, '') ?? ''
}

function filesBelow(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((file) => statSync(file, { throwIfNoEntry: false })?.isFile() === true)
}

async function axeViolations(page: Page): Promise<readonly string[]> {
  const { violations } = await new AxeBuilder({ page }).analyze()
  return violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`)
}
