import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { writeDicom } from '@sealward/imaging'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { run } from './program.ts'
import {
  clientSecret,
  createTestStack,
  formsOf,
  origin,
  pictureOf,
  type Tampering,
  type TestStack,
} from './stack.fixtures.ts'
import type { Surroundings } from './surroundings.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sealward-cli-'))
  const credentials = { stack: origin, clientId: 'sealward-cli', clientSecret }
  await writeFile(join(folder, 'cli.json'), JSON.stringify(credentials))
})
afterEach(() => rm(folder, { recursive: true }))

interface Ran {
  readonly code: number
  readonly out: string
  readonly err: string
  readonly stack: TestStack
}

async function sealward(
  commandLine: readonly string[],
  tampering: Tampering | TestStack = {},
  change: Partial<Surroundings> = {},
): Promise<Ran> {
  const stack = 'effects' in tampering ? tampering : await createTestStack(tampering)
  let [out, err] = ['', '']
  const code = await run(commandLine, {
    effects: stack.effects,
    out: (text) => {
      out += text
    },
    err: (text) => {
      err += text
    },
    env: { SEALWARD_HOME: folder },
    version: '0.0.0',
    interrupted: new AbortController().signal,
    ...change,
  })
  return { code, out, err, stack }
}

async function film(name: string, bytes: Uint8Array = pictureOf(name)): Promise<string> {
  const file = join(folder, name)
  await writeFile(file, bytes)
  return file
}

test('a film goes through the sealed channel, and its result comes out as JSON with a receipt', async () => {
  const path = await film('film.png')
  const { code, out, err, stack } = await sealward([
    'diagnose',
    path,
    '--json',
    '--receipt-dir',
    folder,
  ])
  expect(code).toBe(0)
  expect(err).toMatch(/^This stack runs in a simulated TEE/)
  expect(JSON.parse(out)).toEqual({
    probability: 0.875,
    logit: 1.9459101490553132,
    evidenceMap: Array.from({ length: 8 }, () => Array(8).fill(1.9459101490553132)),
    model: { name: 'chest-pneumonia', version: '1', sha256: '5a'.repeat(32) },
    verdict: {
      kind: 'affirming',
      simulated: true,
      tcbStatus: 'UpToDate',
      advisoryIds: [],
      mrEnclave: expect.stringMatching(/^[0-9a-f]{64}$/),
      checks: expect.arrayContaining(['quote-signature', 'nonce', 'key-binding', 'token-agrees']),
    },
    receiptPath: join(folder, 'receipt-1.json'),
  })
  expect(JSON.parse(await readFile(join(folder, 'receipt-1.json'), 'utf8'))).toEqual({
    receipt: 'of the tests',
  })
  expect(stack.said.map(({ line }) => line.replace(/\?.*/, ''))).toEqual([
    'GET /fhir/Patient',
    'POST /fhir/Patient',
    'POST /films',
    'POST /fhir/ServiceRequest',
    'GET /fhir/Task/1',
    'GET /results/1',
    'GET /receipts/1',
  ])
  expect(new Set(stack.said.map(({ authorization }) => authorization))).toEqual(
    new Set(['Bearer staff-token']),
  )
})

test('a person gets a summary in words', async () => {
  const { code, out } = await sealward([
    'diagnose',
    await film('film.png'),
    '--receipt-dir',
    folder,
  ])
  expect(code).toBe(0)
  expect(out).toMatch(/^Film +film\.png$/m)
  expect(out).toMatch(/^Probability +0\.8750, at or above the operating point 0\.5$/m)
  expect(out).toMatch(/^TEE +simulated: it protects nothing$/m)
})

test('the same film is of the same patient, who is registered once', async () => {
  const stack = await createTestStack()
  const path = await film('film.png')
  for (let count = 0; count < 2; count++) {
    expect(
      (await sealward(['diagnose', path, '--json', '--receipt-dir', folder], stack)).code,
    ).toBe(0)
  }
  expect(stack.said.filter(({ line }) => line === 'POST /fhir/Patient')).toHaveLength(1)
  expect(stack.said[0]?.line).toMatch(
    /^GET \/fhir\/Patient\?identifier=urn%3Asealward%3Acli%7C[0-9a-f]{16}$/,
  )
})

test('a DICOM file names its patient, to the platform and to nobody else', async () => {
  const dicom = writeDicom({
    SOPClassUID: '1.2.840.10008.5.1.4.1.1.7',
    SOPInstanceUID: '2.25.1',
    PatientID: 'CANARY-4711',
    PatientName: 'Canaryname^Ada',
    PatientBirthDate: '19701231',
    PatientSex: 'F',
  })
  const path = await film('film.dcm', dicom)
  const { code, out, err, stack } = await sealward(['diagnose', path, '--receipt-dir', folder])
  expect(code).toBe(0)
  const registered = stack.said.find(({ line }) => line === 'POST /fhir/Patient')
  expect(JSON.parse(registered?.body ?? '')).toEqual({
    resourceType: 'Patient',
    identifier: [{ system: 'urn:sealward:patient-number', value: 'CANARY-4711' }],
    name: [{ family: 'Canaryname', given: ['Ada'] }],
    birthDate: '1970-12-31',
    gender: 'female',
  })
  const wire = stack.sent
    .map(({ url, body }) => `${url}\n${Buffer.from(body).toString('latin1')}`)
    .join('\n')
  expect(wire).toContain('/platform/sealed')
  for (const canary of ['CANARY-4711', 'Canaryname', '1970-12-31', '19701231'].flatMap(formsOf)) {
    expect(`${wire}${out}${err}`).not.toContain(canary)
  }
})

test('the caller may say whose film it is', async () => {
  const { stack } = await sealward([
    'diagnose',
    await film('film.png'),
    '--patient-identifier',
    'urn:hospital|a|b c',
    '--receipt-dir',
    folder,
  ])
  expect(stack.said[0]?.line).toBe('GET /fhir/Patient?identifier=urn%3Ahospital%7Ca%7Cb%20c')
})

describe('what is refused by verification ends with 1, and nothing sealed was sent', () => {
  const cases: Readonly<Record<string, readonly [Tampering, string]>> = {
    'a nonce that was not asked': [{ otherNonce: true }, 'nonce-mismatch'],
    'another deployment': [
      {
        tee: {
          runtimeData: { deployment: 'urn:uuid:00000000-0000-4000-8000-000000000000' },
          initTimeData: { deployment: 'urn:uuid:00000000-0000-4000-8000-000000000000' },
        },
      },
      'wrong-deployment',
    ],
    'another measurement': [{ tee: { mrEnclave: new Uint8Array(32).fill(0xbd) } }, 'measurement'],
    'another vendor': [{ tee: { mrSigner: new Uint8Array(32).fill(0xbd) } }, 'signer'],
    'a debug enclave': [{ tee: { debug: true } }, 'debug'],
    'a platform that is out of date': [
      { tee: { endorsements: { tcbStatus: 'OutOfDate' } } },
      'tcb-status',
    ],
    'a token of another issuer': [{ claims: { iss: 'https://elsewhere.example' } }, 'wrong-issuer'],
    'a token that has ended': [{ claims: { exp: 1 } }, 'expired'],
    'a token under another policy': [
      { claims: { 'x-ms-policy-hash': 'A'.repeat(43) } },
      'token-policy',
    ],
    'an attestation service that refuses': [
      {
        attestation: {
          status: 400,
          body: {
            error: {
              code: 'InvalidParameter',
              innererror: { code: 'tcb-info-expired', at: 'tcb_info', detail: 'over' },
            },
          },
        },
      },
      'tcb-info-expired',
    ],
    'an attestation service that refuses without a word': [
      { attestation: { status: 400, body: {} } },
      'attestation-refused',
    ],
  }
  for (const [name, [tampering, code]] of Object.entries(cases)) {
    test(name, async () => {
      const ran = await sealward(['diagnose', await film('film.png'), '--json'], tampering)
      expect(ran).toMatchObject({ code: 1, out: '' })
      expect(ran.err).toMatch(new RegExp(`^Refused by verification: ${code}\\b`))
      expect(ran.stack.sent.length).toBeGreaterThan(0)
      expect(
        ran.stack.sent.filter(({ url }) => url.endsWith('/sealed') || url.includes('/identity')),
      ).toEqual([])
    })
  }
})

test('an answer that is not sealed is not believed', async () => {
  const ran = await sealward(['diagnose', await film('film.png'), '--json'], { unsealed: true })
  expect(ran).toMatchObject({ code: 1, out: '' })
  expect(ran.err).toContain('unsealed-response')
})

test('a platform with new keys is verified anew, and the request is sent again', async () => {
  const ran = await sealward(['diagnose', await film('film.png'), '--receipt-dir', folder], {
    staleKeys: 1,
  })
  expect(ran.code).toBe(0)
  expect(ran.stack.sent.filter(({ url }) => url.endsWith('/evidence'))).toHaveLength(2)
})

test('services that do not answer end with 3, and are named', async () => {
  const cases = [
    [/config/, 'stack-unavailable'],
    [/evidence/, 'platform-unavailable'],
    [/attest\//, 'attestation-unavailable'],
    [/certs/, 'attestation-unavailable'],
    [/identity/, 'identity-unavailable'],
    [/sealed/, 'unavailable'],
  ] as const
  for (const [down, code] of cases) {
    const ran = await sealward(['diagnose', await film('film.png'), '--json'], { down })
    expect(ran).toMatchObject({ code: 3, out: '' })
    expect(ran.err).toContain(`Unavailable: ${code} `)
  }
  const elsewhere = join(folder, 'elsewhere.json')
  const credentials = { stack: 'http://localhost:4601', clientId: 'c', clientSecret }
  await writeFile(elsewhere, JSON.stringify(credentials))
  const there = ['diagnose', await film('film.png'), '--credentials', elsewhere]
  for (const [stack, asked] of [
    [[], 'http://localhost:4601'],
    [['--stack', 'http://localhost:4602'], 'http://localhost:4602'],
  ] as const) {
    const ran = await sealward([...there, ...stack], { down: /config/ })
    expect([ran.code, ran.err]).toEqual([
      3,
      expect.stringContaining(`nothing answers at ${asked}\n`),
    ])
  }
  const busy = await sealward(['diagnose', await film('film.png'), '--json'], {
    attestation: { status: 503, body: { error: { code: 'ServiceUnavailable' } } },
  })
  expect(busy.code).toBe(3)
})

test('a film that the provider does not interpret ends with 2, a provider that fails with 3', async () => {
  const failed = (code: string): Tampering => ({
    inner: (_method, path) =>
      path.startsWith('/fhir/Task')
        ? { status: 200, body: { status: 'failed', statusReason: { coding: [{ code }] } } }
        : undefined,
  })
  const path = await film('film.png')
  const gate = await sealward(['diagnose', path, '--json'], failed('not-a-chest-radiograph'))
  expect(gate).toMatchObject({ code: 2, out: '' })
  expect(gate.err).toContain('not-a-chest-radiograph')
  const provider = await sealward(['diagnose', path, '--json'], failed('peer-unreachable'))
  expect(provider).toMatchObject({ code: 3, out: '' })
  expect(provider.err).toContain('peer-unreachable')
})

test('the platform’s own refusals come out by their codes', async () => {
  const refusing = (status: number, body: object): Tampering => ({
    inner: (method) => (method === 'POST' ? { status, body } : undefined),
  })
  const outcome = {
    resourceType: 'OperationOutcome',
    issue: [{ details: { coding: [{ code: 'identifier-in-use' }] } }],
  }
  const problem = { type: 'urn:sealward:problem:stopping', detail: 'The service is stopping.' }
  const path = await film('film.png')
  const taken = await sealward(['diagnose', path], refusing(409, outcome))
  expect([taken.code, taken.err]).toEqual([2, expect.stringContaining('identifier-in-use')])
  const stopping = await sealward(['diagnose', path], refusing(503, problem))
  expect([stopping.code, stopping.err]).toEqual([3, expect.stringContaining('stopping')])
})

test('answers in another form than agreed are not printed as results', async () => {
  for (const body of [{}, { probability: 'high' }, [], null]) {
    const ran = await sealward(['diagnose', await film('film.png'), '--json'], {
      inner: (_method, path) => (path.startsWith('/results') ? { status: 200, body } : undefined),
    })
    expect(ran).toMatchObject({ code: 3, out: '' })
    expect(ran.err).toContain('answer-unexpected')
  }
  const outside = await sealward(['diagnose', await film('film.png'), '--receipt-dir', folder], {
    inner: (_method, path) =>
      path.startsWith('/fhir/Task')
        ? {
            status: 200,
            body: {
              status: 'completed',
              output: [{ valueReference: { reference: 'DiagnosticReport/../../etc' } }],
            },
          }
        : undefined,
  })
  expect(outside.code).toBe(3)
})

test('a result that does not come in time ends with 3', async () => {
  const ran = await sealward(['diagnose', await film('film.png'), '--timeout', '1'], {
    inner: (_method, path) =>
      path.startsWith('/fhir/Task') ? { status: 200, body: { status: 'in-progress' } } : undefined,
  })
  expect([ran.code, ran.err]).toEqual([3, expect.stringContaining('timed-out')])
})

test('what can be seen to be wrong is told before anything is sent', async () => {
  const path = await film('film.png')
  const malformed = await film('malformed.json', new Uint8Array())
  const cases: readonly (readonly [readonly string[], string])[] = [
    [['diagnose'], 'missing required argument'],
    [['diagnose', path, '--no-such'], 'unknown option'],
    [['diagnose', join(folder, 'absent')], 'file-unreadable'],
    [['diagnose', folder], 'a folder needs --csv'],
    [['diagnose', path, '--csv', 'out.csv'], '--csv is for a folder'],
    [['diagnose', path, '--timeout', '0'], '1 to 3600 seconds'],
    [['diagnose', path, '--timeout', 'soon'], '1 to 3600 seconds'],
    [['diagnose', path, '--patient-identifier', 'nobar'], 'system|value'],
    [['diagnose', path, '--patient-identifier', '|v'], 'system|value'],
    [['diagnose', path, '--stack', 'nonsense'], 'stack-address'],
    [['diagnose', path, '--stack', 'http://hospital.example'], 'without HTTPS'],
    [['diagnose', path, '--credentials', join(folder, 'absent')], 'credentials-unreadable'],
    [['diagnose', path, '--credentials', malformed], 'credentials-malformed'],
    [['no-such-command'], '(sealward --help tells more)'],
    [['receipt', 'verify', path], '(sealward receipt verify --help tells more)'],
    [[], 'Usage'],
  ]
  for (const [commandLine, said] of cases) {
    const ran = await sealward(commandLine)
    expect(ran).toMatchObject({ code: 2, out: '' })
    expect(ran.err).toContain(said)
    expect(ran.stack.sent).toEqual([])
  }
})

test('a file that is no film, and credentials that are refused, end with 2', async () => {
  const text = await sealward(['diagnose', await film('film.png', new Uint8Array(200)), '--json'])
  expect([text.code, text.err]).toEqual([2, expect.stringContaining('film-unknown')])
  expect(text.stack.sent).toEqual([])
  const wrong = join(folder, 'wrong.json')
  await writeFile(
    wrong,
    JSON.stringify({ stack: origin, clientId: 'sealward-cli', clientSecret: 'wrong' }),
  )
  const refused = await sealward(['diagnose', await film('film.png'), '--credentials', wrong])
  expect([refused.code, refused.err]).toEqual([2, expect.stringContaining('sign-in-refused')])
})

test('credentials are shown to the stack that they are for, and to no other', async () => {
  const foreign = join(folder, 'foreign.json')
  const content = { stack: 'https://else.example', clientId: 'sealward-cli', clientSecret }
  await writeFile(foreign, JSON.stringify(content))
  const ran = await sealward(['diagnose', await film('film.png'), '--credentials', foreign])
  expect([ran.code, ran.err]).toEqual([2, expect.stringContaining('credentials-foreign')])
  expect(ran.stack.sent.map(({ url }) => new URL(url).pathname)).toEqual(['/config.json'])
})

test('evidence that both refuse is named by what is wrong with it, not by the policy that refused', async () => {
  const ran = await sealward(['diagnose', await film('film.png')], {
    tee: { debug: true },
    attestation: {
      status: 400,
      body: { error: { innererror: { code: 'not-permitted', at: '3:1', detail: 'no permit' } } },
    },
  })
  expect(ran.code).toBe(1)
  expect(ran.err).toMatch(/^Refused by verification: debug /)
})

test('a key set of another form is no key set', async () => {
  for (const keys of [null, 5, { keys: 'none' }, { keys: [null] }]) {
    const stack = await createTestStack()
    const { fetch } = stack.effects
    const effects = {
      ...stack.effects,
      fetch: (input: Parameters<typeof fetch>[0], init?: RequestInit) =>
        (input instanceof Request ? input.url : input.toString()).endsWith('/certs')
          ? Promise.resolve(Response.json(keys))
          : fetch(input, init),
    }
    const ran = await sealward(['diagnose', await film('film.png')], stack, { effects })
    expect([ran.code, ran.err]).toEqual([1, expect.stringContaining('unknown-signer')])
  }
})

test('help and version are no errors', async () => {
  for (const commandLine of [
    ['--help'],
    ['diagnose', '--help'],
    ['receipt', 'verify', '--help'],
    ['--version'],
  ]) {
    expect(await sealward(commandLine)).toMatchObject({ code: 0, err: '' })
  }
  expect((await sealward(['diagnose', '--help'])).out).toContain('Examples:')
})

test('every command has an example in its help', async () => {
  const walk = async (line: readonly string[]): Promise<string[]> => {
    const { code, out } = await sealward([...line, '--help'])
    expect([line, code]).toEqual([line, 0])
    const [, list] = out.split('\nCommands:\n')
    if (list === undefined) {
      expect([line, /^Examples?:$/m.test(out)]).toEqual([line, true])
      return [line.join(' ')]
    }
    const [below = ''] = list.split('\n\n')
    const names = [...below.matchAll(/^ {2}([a-z-]+)/gm)].map(([, name = '']) => name)
    const walked = names.filter((name) => name !== 'help').map((name) => walk([...line, name]))
    return (await Promise.all(walked)).flat()
  }
  const commands = await walk([])
  expect(commands).toContain('broker key policy show')
  expect(commands).toContain('audit key')
})

test('Ctrl-C ends the wait for one film without a result', async () => {
  const interrupt = new AbortController()
  const stack = await createTestStack({
    inner: (_method, path) => {
      if (!path.startsWith('/fhir/Task')) return undefined
      interrupt.abort(new Error('interrupted'))
      return { status: 200, body: { status: 'in-progress' } }
    },
  })
  const ran = await sealward(['diagnose', await film('film.png'), '--json'], stack, {
    interrupted: interrupt.signal,
  })
  expect(ran).toMatchObject({ code: 130, out: '' })
  expect(ran.err).toMatch(/Interrupted\.\n$/)
})

describe('a folder', () => {
  async function films(...names: readonly string[]): Promise<string> {
    const { mkdir } = await import('node:fs/promises')
    const inside = join(folder, 'films')
    await mkdir(inside, { recursive: true })
    for (const name of names) {
      await writeFile(join(inside, name), name.startsWith('bad') ? 'not a film' : pictureOf(name))
    }
    return inside
  }

  test('becomes a table with a row for each film, refusals among them', async () => {
    const table = join(folder, 'out.csv')
    const inside = await films('b.png', 'a, "quoted".png', 'bad.jpg', 'notes.txt')
    const ran = await sealward(['diagnose', inside, '--csv', table, '--receipt-dir', folder])
    expect(ran.code).toBe(2)
    expect(ran.err).toContain('2 of 3 films interpreted, 1 refused')
    const lines = (await readFile(table, 'utf8')).split('\r\n')
    expect(lines[0]).toBe(
      'file,outcome,probability,logit,threshold,model,modelVersion,modelSha256,simulated,receipt,detail',
    )
    expect(lines[1]).toMatch(
      /^"a, ""quoted"".png",done,0\.875,1\.9459101490553132,0\.5,chest-pneumonia,1,/,
    )
    expect(lines[2]).toMatch(/^b\.png,done,/)
    expect(lines[3]).toMatch(/^bad\.jpg,film-unknown,,,,,,,,,/)
    expect(lines).toHaveLength(5)
    expect(ran.stack.sent.filter(({ url }) => url.endsWith('/evidence'))).toHaveLength(1)
  })

  test('of good films ends with 0', async () => {
    const ran = await sealward([
      'diagnose',
      await films('a.png'),
      '--csv',
      join(folder, 'out.csv'),
      '--receipt-dir',
      folder,
    ])
    expect(ran.code).toBe(0)
  })

  test('that is interrupted leaves what is done, and says so', async () => {
    const table = join(folder, 'out.csv')
    const interrupt = new AbortController()
    const stack = await createTestStack({
      inner: (_method, path) => {
        if (path === '/receipts/2') interrupt.abort(new Error('interrupted'))
        return undefined
      },
    })
    const inside = await films('a.png', 'b.png', 'c.png')
    const ran = await sealward(
      ['diagnose', inside, '--csv', table, '--receipt-dir', folder],
      stack,
      {
        interrupted: interrupt.signal,
      },
    )
    expect(ran.code).toBe(130)
    expect(ran.err).toMatch(/Interrupted: [12] films were not looked at/)
    expect(await readFile(table, 'utf8')).toMatch(/\r\na\.png,done,/)
    expect(await readdir(folder)).not.toContain('out.csv.partial')
  })

  test('stops when the platform goes, with the rows that are done', async () => {
    const table = join(folder, 'out.csv')
    let receipts = 0
    const ran = await sealward(
      ['diagnose', await films('a.png', 'b.png'), '--csv', table, '--receipt-dir', folder],
      {
        inner: (_method, path) => {
          if (path.startsWith('/receipts')) receipts++
          return receipts > 0 && path.startsWith('/films')
            ? { status: 503, body: { type: 'urn:sealward:problem:stopping' } }
            : undefined
        },
      },
    )
    expect(ran.code).toBe(3)
    expect(ran.err).toContain('stopping')
    expect((await readFile(table, 'utf8')).split('\r\n')).toHaveLength(3)
  })

  test('that holds no film, or whose table cannot be written, ends with 2', async () => {
    const none = await sealward([
      'diagnose',
      await films('notes.txt'),
      '--csv',
      join(folder, 'out.csv'),
    ])
    expect([none.code, none.err]).toEqual([2, expect.stringContaining('folder-empty')])
    const nowhere = join(folder, 'no', 'such', 'out.csv')
    const unwritable = await sealward(['diagnose', await films('a.png'), '--csv', nowhere])
    expect([unwritable.code, unwritable.err]).toEqual([
      2,
      expect.stringContaining('table-unwritable'),
    ])
  })
})
