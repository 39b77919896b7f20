/**
 * Text of other repertoires than ASCII.
 *
 * @module
 * @see PS3.3, C.12.1.1.2; PS3.5, 6.1
 */

/** Defined terms, and the name under which a TextDecoder knows the coding. */
const single: Readonly<Record<string, string>> = {
  'ISO_IR 6': 'latin1',
  'ISO_IR 100': 'latin1',
  'ISO_IR 101': 'iso-8859-2',
  'ISO_IR 109': 'iso-8859-3',
  'ISO_IR 110': 'iso-8859-4',
  'ISO_IR 144': 'iso-8859-5',
  'ISO_IR 127': 'iso-8859-6',
  'ISO_IR 126': 'iso-8859-7',
  'ISO_IR 138': 'iso-8859-8',
  'ISO_IR 148': 'iso-8859-9',
  'ISO_IR 203': 'iso-8859-15',
  'ISO_IR 166': 'tis-620',
  'ISO_IR 13': 'shift_jis',
  'ISO_IR 192': 'utf-8',
  GB18030: 'gb18030',
  GBK: 'gbk',
  'ISO 2022 IR 87': 'iso-2022-jp',
  'ISO 2022 IR 159': 'iso-2022-jp',
  'ISO 2022 IR 149': 'euc-kr',
  'ISO 2022 IR 58': 'gbk',
}

/**
 * Decodes text by the Specific Character Set of its data set.
 *
 * With several sets (ISO 2022) the first one after the default that needs more than ASCII decodes
 * all; its escape sequences are taken out where the decoder does not know them. Mixtures of two such
 * sets in one value come out with replacement characters.
 */
export function decodeText(bytes: Uint8Array, characterSets: readonly string[]): string {
  const coding = codingOf(characterSets)
  const plain = coding === 'iso-2022-jp' ? bytes : withoutEscapes(bytes)
  const text = new TextDecoder(coding).decode(plain)
  return Array.from(text)
    .filter((character) => !isControl(character))
    .join('')
    .trim()
}

function codingOf(characterSets: readonly string[]): string {
  const codings = characterSets.map((name) => {
    const term = name.trim()
    return single[term] ?? single[term.replace('ISO 2022 IR', 'ISO_IR')] ?? 'latin1'
  })
  return codings.find((coding) => coding !== 'latin1') ?? 'latin1'
}

/** ESC, intermediate bytes 0x20 to 0x2f, one final byte. @see ISO/IEC 2022 */
function withoutEscapes(bytes: Uint8Array): Uint8Array {
  if (!bytes.includes(0x1b)) return bytes
  const kept: number[] = []
  for (let index = 0; index < bytes.length; index++) {
    if (bytes[index] !== 0x1b) {
      kept.push(bytes[index] ?? 0)
      continue
    }
    index++
    while ((bytes[index] ?? 0) >= 0x20 && (bytes[index] ?? 0) <= 0x2f) index++
  }
  return Uint8Array.from(kept)
}

/** Nothing that a terminal or a page would obey. */
function isControl(character: string): boolean {
  const code = character.codePointAt(0) ?? 0
  return code < 0x20 || (code >= 0x7f && code < 0xa0)
}
