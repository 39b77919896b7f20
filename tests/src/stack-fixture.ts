import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '@sealward/enclave/local-servers'
import { type Stack, startStack, type Tampering } from '@sealward/local'
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'
import { chromium as chromiumProgram } from '../../deploy/local/bootstrap/test-programs.mjs'
import { type Recorder, startRecorder } from './recorder.ts'
import { projectRoot } from './sources.ts'

/** A stack of its own in an empty state folder, with every byte between browser and edge recorded. */
export interface TestStack {
  readonly stack: Stack
  readonly recorder: Recorder
  readonly port: number
  stop(): Promise<void>
}

/** Starts a stack for one test file. What it announces is not shown. */
export async function startTestStack(tampering: Tampering = {}): Promise<TestStack> {
  const home = mkdtempSync(join(tmpdir(), 'sealward-e2e-'))
  const port = await freePort()
  const stack = await startStack({
    home,
    port,
    tampering,
    announce: async (_title, work) => {
      await work()
    },
  }).catch((error: unknown) => {
    rmSync(home, { recursive: true, force: true })
    throw error
  })
  const recorder = await startRecorder(port)
  return {
    stack,
    recorder,
    port,
    async stop() {
      await recorder.close()
      await stack.stop()
      rmSync(home, { recursive: true, force: true })
    },
  }
}

/** Chromium whose connections to the stack's port go through the recorder. */
export async function openBrowser({ port, recorder }: TestStack): Promise<Browser> {
  const executablePath = chromiumProgram()
  if (executablePath === undefined) throw new Error('no Chromium: npm test installs one')
  return chromium.launch({
    executablePath,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--disable-quic',
      '--no-first-run',
      `--host-resolver-rules=MAP localhost:${port} 127.0.0.1:${recorder.port}`,
    ],
  })
}

/** A page of a fresh profile that fails the test on any error of the page's own. */
export async function openPage(browser: Browser): Promise<{
  readonly context: BrowserContext
  readonly page: Page
  /** What the page complained of: uncaught errors, and violations of its own content policy. */
  readonly complaints: readonly string[]
}> {
  const context = await browser.newContext({
    locale: 'en-GB',
    viewport: { width: 1280, height: 900 },
  })
  const page = await context.newPage()
  const complaints: string[] = []
  page.on('pageerror', (error) => complaints.push(error.message))
  page.on('console', (message) => {
    if (/Content Security Policy|Uncaught/.test(message.text())) complaints.push(message.text())
  })
  return { context, page, complaints }
}

/** Signs in as one of the demonstration accounts and waits until the portal is back. */
export async function signIn(page: Page, url: string, account: string): Promise<void> {
  await page.goto(url)
  await page.getByTestId('sign-in-button').click()
  await page.locator('#account').fill(account)
  await page.locator('#password').fill(account)
  await page.getByRole('button', { name: /sign in/i }).click()
}

const shared = process.env['SEALWARD_SHARED'] ?? join(projectRoot, '..', 'shared')

/** A film to upload: a real one of the optional test data, or one of the project's synthetic ones. */
export function aFilm(): string {
  const real = join(shared, 'imaging/dicom/cxr-native/pneumonia-0-jpegbaseline.dcm')
  if (existsSync(real)) return real
  const folder = join(projectRoot, 'models/synthetic-films')
  const film = readdirSync(folder).find((name) => name.endsWith('.dcm'))
  if (film === undefined) throw new Error('the project has no synthetic film')
  return join(folder, film)
}

/** A folder of the optional test data, or `undefined` where it is absent. */
export function sharedFolder(...parts: readonly string[]): string | undefined {
  const folder = join(shared, ...parts)
  return existsSync(folder) ? folder : undefined
}
