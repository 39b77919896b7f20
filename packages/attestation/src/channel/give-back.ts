const { transfer } = ArrayBuffer.prototype as {
  readonly transfer?: (this: ArrayBuffer, length: number) => ArrayBuffer
}

/**
 * Gives the memory of long bytes back that nobody reads any more, and that nothing else is in. Engines look for garbage the
 * more often the more bytes they hold: for a message of 1 MB that takes longer than its cryptography.
 */
export function giveBack({ buffer, length }: Uint8Array): void {
  if (length < longBytes || length !== buffer.byteLength || !(buffer instanceof ArrayBuffer)) return
  transfer?.call(buffer, 0)
}

const longBytes = 131_072
