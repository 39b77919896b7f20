import type { ReactElement } from 'react'

/** Outlines on a 24 x 24 grid, drawn in the colour of the text around them. */
const outlines = {
  tick: 'M5 12.5 10 17.5 19 7',
  cross: 'M6 6l12 12M18 6 6 18',
  warning: 'M12 8.5v5m0 3.2v.1M12 3.5 21.5 20h-19z',
  info: 'M12 11v6m0-9.5v.1M21 12a9 9 0 1 1-18 0 9 9 0 0 1 18 0z',
  shield: 'M12 2.8 20 5.7v6.1c0 4.6-3.2 8-8 9.5-4.8-1.5-8-4.9-8-9.5V5.7zM8.5 12l2.5 2.5 4.5-4.8',
  shieldOff:
    'M12 2.8 20 5.7v6.1c0 4.6-3.2 8-8 9.5-4.8-1.5-8-4.9-8-9.5V5.7zM9.3 9.3l5.4 5.4m0-5.4-5.4 5.4',
  copy: 'M9 9h11v11H9zM5 15H4V4h11v1',
  download: 'M12 4v11m-4.5-4.5L12 15l4.5-4.5M5 20h14',
  upload: 'M12 16V5M7.5 9.5 12 5l4.5 4.5M5 20h14',
  search: 'M10.5 17a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13zm5-1.5L20 20',
  person: 'M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zm-8 9c.5-4 3.5-6 8-6s7.5 2 8 6',
  personAdd:
    'M10 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zm-7 9c.4-4 3-6 7-6 1.2 0 2.3.2 3.2.5M18 14v6m-3-3h6',
  film: 'M4 3.5h16v17H4zM12 6v11m0-8.5c-2-.8-3.8.3-4.2 2.3l-.6 4.7c2 .9 3.8.3 4.8-1.5m0-5.5c2-.8 3.8.3 4.2 2.3l.6 4.7c-2 .9-3.8.3-4.8-1.5',
  list: 'M8.5 6H20M8.5 12H20M8.5 18H20M4 6h.1M4 12h.1M4 18h.1',
  pen: 'M4 20h4L19.5 8.5l-4-4L4 16zM13 7l4 4',
  clock: 'M12 7v5l3.5 2M21 12a9 9 0 1 1-18 0 9 9 0 0 1 18 0z',
  leave: 'M10 4H5v16h5M9 12h11m-4-4 4 4-4 4',
  back: 'M19 12H5m6-6-6 6 6 6',
  lock: 'M6 11h12v9.5H6zM8.5 11V7.5a3.5 3.5 0 0 1 7 0V11',
  plug: 'M9 3v5m6-5v5M6 8h12v3a6 6 0 0 1-12 0zm6 9v4',
  document: 'M6 3h8.5L19 7.5V21H6zm8 0v5h5M9 12.5h7M9 16.5h7',
} as const

export type IconName = keyof typeof outlines

/** A picture beside words; it says nothing that they do not. */
export function Icon({ name }: { readonly name: IconName }): ReactElement {
  return (
    <svg className="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={outlines[name]} />
    </svg>
  )
}

/** The seal: the product's mark. */
export function Seal(): ReactElement {
  return (
    <svg className="seal" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <path
        className="seal-body"
        d="M16 1.5 28.5 6v9.5c0 7.2-5 12.6-12.5 15C8.5 28.1 3.5 22.7 3.5 15.5V6z"
      />
      <path className="seal-tick" d="m10.2 16.2 4.1 4.1 7.7-8.3" />
    </svg>
  )
}
