import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import AxeBuilder from '@axe-core/playwright'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
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
    await page.getByTestId('patient-search-identifier').fill(patient.identifier)
    await page.getByTestId('patient-search-submit').click()
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

  test('an observer at the socket saw no trace of the patient, in neither direction', () => {
    const wire = Buffer.concat([on.recorder.sent(), on.recorder.received()])
    expect(wire.length).toBeGreaterThan(100_000)
    expect(wire.includes('/platform/sealed')).toBe(true)
    for (const text of [patient.identifier, patient.family]) expect(found(wire, text)).toEqual([])
  })

  test('nothing in the state folder holds a trace: tables, write-ahead log, logs, configurations', () => {
    const files = filesBelow(on.stack.home)
    process.stdout.write(`canary: ${files.length} files of the state folder read\n`)
    expect(files.some((file) => file.includes('postgres'))).toBe(true)
    expect(files.some((file) => file.endsWith('platform.log'))).toBe(true)
    const traced = files.filter((file) => {
      const content = readFileSync(file)
      return [patient.identifier, patient.family].some((text) => found(content, text).length > 0)
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
