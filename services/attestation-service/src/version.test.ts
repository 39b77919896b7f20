import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { serviceVersion } from './version.ts'

test('the version that answers name is that of the package', () => {
  const manifest = readFileSync(new URL('../package.json', import.meta.url), 'utf8')
  expect(serviceVersion).toBe((JSON.parse(manifest) as { version: string }).version)
})
