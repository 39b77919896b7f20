/** A request that is refused, and how. */
export interface BadBody {
  readonly name: string
  readonly body: Buffer
  readonly status: 400
}

/** One of every kind of bad request that strangers may send. */
export function badBodies(good: readonly Buffer[]): readonly BadBody[] {
  const [one, other] = good.map((body) => JSON.parse(body.toString()) as AttestBody)
  if (one === undefined || other === undefined) throw new Error('two good bodies expected')
  const quoteWith = (change: (quote: Buffer) => void): AttestBody => {
    const quote = Buffer.from(one.quote, 'base64url')
    change(quote)
    return { ...one, quote: quote.toString('base64url') }
  }
  const last = Buffer.from(one.quote, 'base64url').length - 1
  const kinds: Readonly<Record<string, object | string>> = {
    'no JSON': '{"quote": ',
    'another JSON': '[[[[[[[[[[[[1]]]]]]]]]]]]',
    'no quote': { runtimeData: one.runtimeData },
    'quote is not base64url': { ...one, quote: '%%%' },
    'quote cut short': { ...one, quote: one.quote.slice(0, 400) },
    'a bit of the report turned': quoteWith((quote) =>
      quote.writeUInt8(quote.readUInt8(200) ^ 1, 200),
    ),
    'a bit of the signature turned': quoteWith((quote) =>
      quote.writeUInt8(quote.readUInt8(440) ^ 1, 440),
    ),
    'a bit of the certificates turned': quoteWith((quote) =>
      quote.writeUInt8(quote.readUInt8(last - 900) ^ 1, last - 900),
    ),
    'runtime data of another quote': { ...one, runtimeData: other.runtimeData },
    'a draft that does not parse': {
      ...one,
      draftPolicyForAttestation: 'version=1.0; authorizationrules {',
    },
    'a draft that denies': {
      ...one,
      draftPolicyForAttestation:
        'version=1.0; authorizationrules { => deny(); }; issuancerules {};',
    },
  }
  return Object.entries(kinds).map(([name, body]) => ({
    name,
    body: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)),
    status: 400,
  }))
}

interface AttestBody {
  readonly quote: string
  readonly runtimeData: object
}
