import { type ComponentProps, type ReactElement, type ReactNode, type Ref, useId } from 'react'

interface Words {
  readonly label: string
  readonly hint?: string | undefined
  readonly error?: string | undefined
}

type Described = {
  readonly id: string
  readonly describedBy: string | undefined
  readonly invalid: boolean
}

function Field({
  label,
  hint,
  error,
  children,
}: Words & { readonly children: (field: Described) => ReactNode }): ReactElement {
  const id = useId()
  const describedBy = [hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(' ')
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      {hint && (
        <p className="field-hint" id={`${id}-hint`}>
          {hint}
        </p>
      )}
      {children({ id, describedBy: describedBy || undefined, invalid: error !== undefined })}
      {error && (
        <p className="field-error" id={`${id}-error`}>
          {error}
        </p>
      )}
    </div>
  )
}

/** One line of text, with its label, what to write there, and what is wrong with it. */
export function TextField({
  label,
  hint,
  error,
  testId,
  ...input
}: Words & ComponentProps<'input'> & { readonly testId?: string }): ReactElement {
  return (
    <Field label={label} hint={hint} error={error}>
      {({ id, describedBy, invalid }) => (
        <input
          {...input}
          id={id}
          aria-describedby={describedBy}
          aria-invalid={invalid}
          data-testid={testId}
        />
      )}
    </Field>
  )
}

export function TextArea({
  label,
  hint,
  error,
  testId,
  ...input
}: Words & ComponentProps<'textarea'> & { readonly testId?: string }): ReactElement {
  return (
    <Field label={label} hint={hint} error={error}>
      {({ id, describedBy, invalid }) => (
        <textarea
          {...input}
          id={id}
          aria-describedby={describedBy}
          aria-invalid={invalid}
          data-testid={testId}
        />
      )}
    </Field>
  )
}

/** A choice of one, by the browser's own list. */
export function SelectField({
  label,
  hint,
  error,
  options,
  testId,
  ...input
}: Words &
  ComponentProps<'select'> & {
    readonly options: readonly (readonly [value: string, words: string])[]
    readonly testId?: string
  }): ReactElement {
  return (
    <Field label={label} hint={hint} error={error}>
      {({ id, describedBy, invalid }) => (
        <select
          {...input}
          id={id}
          aria-describedby={describedBy}
          aria-invalid={invalid}
          data-testid={testId}
        >
          {options.map(([value, words]) => (
            <option key={value} value={value}>
              {words}
            </option>
          ))}
        </select>
      )}
    </Field>
  )
}

/** A box to tick, with what ticking it says. */
export function Tick({
  label,
  error,
  testId,
  checked,
  onChange,
  ref,
}: {
  readonly label: string
  readonly error?: string | undefined
  readonly testId?: string
  readonly checked: boolean
  readonly onChange: (checked: boolean) => void
  readonly ref?: Ref<HTMLInputElement>
}): ReactElement {
  const id = useId()
  return (
    <div className="tick">
      <input
        ref={ref}
        id={id}
        type="checkbox"
        checked={checked}
        aria-describedby={error && `${id}-error`}
        aria-invalid={error !== undefined}
        data-testid={testId}
        onChange={(event) => onChange(event.target.checked)}
      />
      <label htmlFor={id}>{label}</label>
      {error && (
        <p className="field-error" id={`${id}-error`}>
          {error}
        </p>
      )}
    </div>
  )
}
