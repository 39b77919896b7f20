import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'

/** Everything is a file of its own origin: nothing inlined, so that the strictest content policy holds. */
export default defineConfig({
  base: '/',
  plugins: [react()],
  build: {
    target: 'es2023',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 700,
  },
})
