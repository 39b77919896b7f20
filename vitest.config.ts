import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: [
      'packages/*/src/**/*.test.ts',
      'services/*/src/**/*.test.ts',
      'apps/*/src/**/*.test.{ts,tsx}',
      'deploy/local/src/**/*.test.ts',
      'models/src/**/*.test.ts',
      'tests/src/**/*.test.ts',
    ],
    testTimeout: 20_000,
  },
})
