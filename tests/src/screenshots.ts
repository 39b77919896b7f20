import { mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { projectRoot } from './sources.ts'
import { openBrowser, signIn, startTestStack, type TestStack } from './stack-fixture.ts'

// Takes the pictures of the documents from a running stack: `npm run screenshots`.

const folder = join(projectRoot, 'docs', 'images')
const films = join(projectRoot, 'models', 'synthetic-films')

const on = await startTestStack()
const browser = await openBrowser(on)
try {
  mkdirSync(folder, { recursive: true })
  for (const [locale, suffix] of [
    ['en-GB', ''],
    ['zh-CN', '.zh-CN'],
  ] as const) {
    await photograph(on, browser, locale, suffix)
  }
} finally {
  await browser.close()
  await on.stop()
}

async function photograph(
  { stack }: TestStack,
  from: Browser,
  locale: string,
  suffix: string,
): Promise<void> {
  const context = await from.newContext({
    locale,
    viewport: { width: 1280, height: 1080 },
    deviceScaleFactor: 1,
  })
  const page = await context.newPage()
  const take = (name: string): Promise<unknown> =>
    page.screenshot({ path: join(folder, `${name}${suffix}.png`) })
  await signIn(page, stack.url, 'clerk')
  await page.getByTestId('patient-register').waitFor()
  await register(page, suffix)
  await page.getByTestId('film-input').setInputFiles(aSyntheticFilm())
  await page.getByTestId('film-confirm').check()
  await page.getByTestId('order-submit').click()
  await page.getByTestId('evidence-map').waitFor()
  await page.waitForTimeout(500)
  await take('result')
  await page.getByTestId('trust-open').click()
  await page.getByTestId('trust-panel').waitFor()
  await page.waitForTimeout(500)
  await take('trust')
  await context.close()
}

async function register(page: Page, suffix: string): Promise<void> {
  await page.getByTestId('patient-register').click()
  await page.getByTestId('patient-identifier').fill(`SYN-0001${suffix}`)
  await page.getByTestId('patient-family').fill(suffix === '' ? 'Synthetic' : '合成')
  await page.getByTestId('patient-given').fill(suffix === '' ? 'Nobody' : '无人')
  await page.getByTestId('patient-birthdate').fill('2021-05-17')
  await page.getByTestId('patient-gender').selectOption('female')
  await page.getByTestId('patient-submit').click()
}

function aSyntheticFilm(): string {
  const [film] = readdirSync(films).filter((name) => name.endsWith('.dcm'))
  return join(films, film ?? '')
}
