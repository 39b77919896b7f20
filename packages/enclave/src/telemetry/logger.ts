import { Writable } from 'node:stream'
import { pino } from 'pino'
import { fieldForms, type LogFields } from './fields.ts'

export interface LoggerOptions {
  readonly level?: 'debug' | 'info' | 'warn' | 'error' | 'silent'
  /** Where lines go; standard output unless said. */
  readonly write?: (line: string) => void
}

/**
 * Writes records whose fields are {@link LogFields} and nothing else.
 *
 * `event` is a short name in lower case with hyphens (`token-refreshed`); text of any other form is
 * written as `unnamed-event`, so that no sentence with a value in it comes out.
 */
export interface Logger {
  debug(event: string, fields?: LogFields): void
  info(event: string, fields?: LogFields): void
  warn(event: string, fields?: LogFields): void
  /** A bug of ours. */
  error(event: string, fields?: LogFields): void
  /** Like `error`, with the class and the place of what was thrown. Its message is not written: it may hold data. */
  thrown(event: string, error: unknown, fields?: LogFields): void
}

/** A logger for the service `name`. */
export function createLogger(name: string, options: LoggerOptions = {}): Logger {
  const { write } = options
  const target = pino(
    {
      level: options.level ?? 'info',
      base: { service: eventOf(name) },
      messageKey: 'event',
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    write === undefined ? pino.destination({ fd: 1, sync: true }) : streamTo(write),
  )
  return {
    debug: (event, fields) => target.debug(listed(fields), eventOf(event)),
    info: (event, fields) => target.info(listed(fields), eventOf(event)),
    warn: (event, fields) => target.warn(listed(fields), eventOf(event)),
    error: (event, fields) => target.error(listed(fields), eventOf(event)),
    thrown: (event, error, fields) =>
      target.error(listed({ ...placeOf(error), ...fields }), eventOf(event)),
  }
}

/** Copies what is on the list, in the form that the list gives; drops all else. */
function listed(fields: LogFields | undefined): Record<string, string | number | boolean> {
  const record: Record<string, string | number | boolean> = {}
  if (typeof fields !== 'object' || fields === null) return record
  for (const [name, form] of Object.entries(fieldForms)) {
    const value = Object.hasOwn(fields, name) ? fields[name as keyof LogFields] : undefined
    if (typeof value === 'string' && form instanceof RegExp && form.test(value)) {
      record[name] = value
    } else if (typeof value === 'number' && form === 'number' && Number.isFinite(value)) {
      record[name] = value
    } else if (typeof value === 'boolean' && form === 'boolean') {
      record[name] = value
    }
  }
  return record
}

function eventOf(text: string): string {
  return /^[a-z0-9][a-z0-9-]{0,63}$/.test(text) ? text : 'unnamed-event'
}

function placeOf(error: unknown): LogFields {
  if (!(error instanceof Error)) return { errorName: 'NotAnError' }
  const stack = error.stack ?? ''
  const message = stack.indexOf(error.message)
  // Frames only: what stands above them is the message, and it may look like a frame.
  const frames = message < 0 ? '' : stack.slice(message + error.message.length)
  // The innermost frame that is not inside Node: where our code was, and nothing about what it did.
  const frame = frames
    .split('\n')
    .find((line) => /^\s+at /.test(line) && !/\(?node:/.test(line))
    ?.match(/([\w.-]+:\d+:\d+)\)?$/)?.[1]
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined
  return {
    errorName: error.constructor.name,
    ...(frame === undefined ? {} : { errorAt: frame }),
    ...(code === undefined ? {} : { code: code.toLowerCase().replaceAll('_', '-') }),
  }
}

function streamTo(write: (line: string) => void): Writable {
  return new Writable({
    decodeStrings: false,
    write(chunk, _encoding, done) {
      write(String(chunk).trimEnd())
      done()
    },
  })
}
