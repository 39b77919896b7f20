import { expect, test } from 'vitest'
import { databaseUrlOf } from './settings.ts'

test('the database is named by the configuration, else by the environment', () => {
  const databaseUrl = 'postgres://here'
  expect(databaseUrlOf({ databaseUrl }, { DATABASE_URL: 'postgres://there' })).toBe(databaseUrl)
  expect(databaseUrlOf({}, { DATABASE_URL: 'postgres://there' })).toBe('postgres://there')
  expect(databaseUrlOf({}, { DATABASE_URL: '' })).toBeUndefined()
  expect(databaseUrlOf({}, {})).toBeUndefined()
})
