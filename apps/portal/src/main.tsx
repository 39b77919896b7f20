import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { App } from './app/app.tsx'
import { browserEffects } from './app/effects.ts'
import { start } from './app/start.ts'
import { startLanguage } from './i18n/i18n.ts'
import { browserTab, handOverAnswer } from './sign-in/session.ts'
import './ui/styles.css'

const place = document.getElementById('portal')
if (place === null) throw new Error('the page has no place for the portal')

if (!handOverAnswer(new URL(location.href))) {
  startLanguage()
  createRoot(place).render(
    <StrictMode>
      <App start={start(browserEffects, browserTab())} />
    </StrictMode>,
  )
}
