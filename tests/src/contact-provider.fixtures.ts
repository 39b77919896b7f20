import { type AttestedTls, createAttestedDispatcher } from '@sealward/enclave/attested-tls'

/** Asks the provider about its model, as whoever meets it, on a connection of its own. */
export async function contactProvider(
  port: number,
  attested: AttestedTls,
  token: string | undefined,
): Promise<{ readonly status: number; readonly body: string }> {
  const dispatcher = createAttestedDispatcher(attested, { role: 'diagnostics' })
  try {
    const answer = await dispatcher.request({
      origin: `https://127.0.0.1:${port}`,
      path: '/v2',
      method: 'GET',
      headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
    })
    return { status: answer.statusCode, body: await answer.body.text() }
  } finally {
    await dispatcher.close()
  }
}
