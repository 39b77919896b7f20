import {
  AEAD_ChaCha20Poly1305,
  CipherSuite,
  KDF_HKDF_SHA256,
  KEM_MLKEM768_X25519,
  type KeyPair,
} from 'hpke'
import { describe, expect, test, vi } from 'vitest'
import { bytesOfHex, hexOf, utf8Of } from '../bytes/index.ts'
import { supportedKems } from './index.ts'
import { kemBytes, preferred } from './suite.ts'
import { keyPairOf, recipientSuite, senderSuite } from './web-hpke.ts'

const hex = (text: string): Uint8Array => bytesOfHex(text) ?? new Uint8Array()

const info = hex('4f6465206f6e2061204772656369616e2055726e')
const plaintext = hex('4265617574792069732074727574682c20747275746820626561757479')

describe('RFC 9180, appendix A, base mode', () => {
  test.each([
    {
      name: 'A.1.1, X25519',
      kem: 0x0020 as const,
      ikmE: '7268600d403fce431561aef583ee1613527cff655c1343f29812e66706df3234',
      ikmR: '6db9df30aa07dd42ee5e8181afdb977e538f5e1fec8a06223f33f7013e525037',
      pkR: '3948cfe0ad1ddb695d780e59077195da6c56506b027329794ab02bca80815c4d',
      enc: '37fda3567bdbd628e88668c3c8d7e97d1d1253b6d4ea6d44c150f741f1bf4431',
      ciphertexts: [
        'f938558b5d72f1a23810b4be2ab4f84331acc02fc97babc53a52ae8218a355a96d8770ac83d07bea87e13c512a',
        'af2d7e9ac9ae7e270f46ba1f975be53c09f8d875bdc8535458c2494e8a6eab251c03d0c22a56b8ca42c2063b84',
      ],
      exports: [
        '3853fe2b4035195a573ffc53856e77058e15d9ea064de3e59f4961d0095250ee',
        '2e8f0b54673c7029649d4eb9d5e33bf1872cf76d623ff164ac185da9e88c21a5',
        'e9e43065102c3836401bed8c3c3c75ae46be1639869391d62c61f1ec7af54931',
      ],
    },
    {
      name: 'A.3.1, P-256',
      kem: 0x0010 as const,
      ikmE: '4270e54ffd08d79d5928020af4686d8f6b7d35dbe470265f1f5aa22816ce860e',
      ikmR: '668b37171f1072f3cf12ea8a236a45df23fc13b82af3609ad1e354f6ef817550',
      pkR: '04fe8c19ce0905191ebc298a9245792531f26f0cece2460639e8bc39cb7f706a826a779b4cf969b8a0e539c7f62fb3d30ad6aa8f80e30f1d128aafd68a2ce72ea0',
      enc: '04a92719c6195d5085104f469a8b9814d5838ff72b60501e2c4466e5e67b325ac98536d7b61a1af4b78e5b7f951c0900be863c403ce65c9bfcb9382657222d18c4',
      ciphertexts: [
        '5ad590bb8baa577f8619db35a36311226a896e7342a6d836d8b7bcd2f20b6c7f9076ac232e3ab2523f39513434',
        'fa6f037b47fc21826b610172ca9637e82d6e5801eb31cbd3748271affd4ecb06646e0329cbdf3c3cd655b28e82',
      ],
      exports: [
        '5e9bc3d236e1911d95e65b576a8a86d478fb827e8bdfe77b741b289890490d4d',
        '6cff87658931bda83dc857e6353efe4987a201b849658d9b047aab4cf216e796',
        'd8f1ea7942adbba7412c6d431c62d01371ea476b823eb697e1f6e6cae1dab85a',
      ],
    },
  ])('$name', async ({ kem, ikmE, ikmR, pkR, enc, ciphertexts, exports }) => {
    const suites = { kdf: 0x0001, aead: 0x0001 } as const
    const always = (bytes: string) => ({ bytes: () => hex(bytes) })
    const pair = await keyPairOf(kem, always(ikmR))
    const suite = recipientSuite(kem, suites)
    expect(hexOf(await suite.SerializePublicKey(pair.publicKey))).toBe(pkR)
    const sender = senderSuite(kem, suites, () => keyPairOf(kem, always(ikmE)))
    const sent = await sender.SetupSender(await sender.DeserializePublicKey(hex(pkR)), { info })
    expect(hexOf(sent.encapsulatedSecret)).toBe(enc)
    const received = await suite.SetupRecipient(pair, hex(enc), { info })
    for (const [index, ciphertext] of ciphertexts.entries()) {
      const aad = utf8Of(`Count-${index}`)
      expect(hexOf(await sent.ctx.Seal(plaintext, aad))).toBe(ciphertext)
      expect(await received.Open(hex(ciphertext), aad)).toEqual(plaintext)
    }
    const contexts = [new Uint8Array(), Uint8Array.of(0), utf8Of('TestContext')]
    for (const [index, context] of contexts.entries()) {
      expect(hexOf(await sent.ctx.Export(context, 32))).toBe(exports[index])
      expect(hexOf(await received.Export(context, 32))).toBe(exports[index])
    }
  })
})

/** Test vectors of draft-ietf-hpke-pq, with KEM 0x647a, KDF 1 and AEAD 3. */
const hybrid = {
  info: '34663634363532303666366532303631323034373732363536333639363136653230353537323665',
  ikmR: 'b86e76a59fabfc87b30cd7b1f7aaa28a834eb64e7a261c197b9a842893fbce56',
  skR: '3ec47fa82dd5689d27c6190e724c74ec8f608df3331ce331929e37b829676630',
  pkRStart: 'f5fb01a5db909ac907ecc9524de9b9eaf4997dac7d22c961267c964403825160',
  pkREnd: '206650c1d2fc9072220e7f4d4f557f15b33dcf32e5c837',
  enc:
    '26759c7b22923ea5cc9c78e3e14c8fc62dcb0a66ce44460966978a7fe9685e0c6d22999d99a3f112c307a6d5b2e63591f41e8a3516ba62908376d664557206e6' +
    '96ae870305ff6ba08125266bc0765672beca90fd5c6dae0d3ddad1506065a9d4f297e0c3e70bb441961df26d7a19d79d1ef7e2ac5e53b32a3c7b4e07f2af2ae6' +
    '5830a3e8d1cb2ac1932fc19ec5434303b62c9d010645cf95a475913da5d77a282b88402e4a77ab17b09559dce8a96c67a27bea8f653ceaca3d278b6ed150fe93' +
    '6dda28b1726665c946cab30363ef89eb878ffcc74caa277a5dab1994193a67967125ebd50986dc16997b8f7484d7d0e27c79ff4b68201c1b4102f5a73322fd3d' +
    'a96bf655d90c9b1e6305e01ab1b3449ea3f458b0e98e1f2d1632825c3b30018bb5eefbcc80f767d0b9e7f9f731e1958083879ebcc1b5bb061e89302c444a85ee' +
    'ed169b10d2520fd47b6a111914f3bda2f31d04f250522ba951012a629fa2cd2192583cc9abd75d02b7a11fd18056c414b8f0e0936535bf9b637c7e614a1ae9b9' +
    'e907fe9d14243f13625ec92a97599eaa491b9da918b586e27d34c7279205dd76cf0ecdbf60b5aea4cfb9dca41069f3e2fc8f371a7cf3b089ea469d8417bda314' +
    '9159992399ccd5baf776a0f8966d4742cbedaeac131dde853cb1fbb7b869a4c01cea8a487a2e52e757bf4dfcec23995e5f088804d2cf99c82f087454144cc586' +
    '845d7cf81249e7ad919ea1b06001ad13501da118ee19859595015b4b1872912dd2d4f5dd854f144ae07038bd8bb2b498f8edcb1c70c2102af768d508a1b42372' +
    '38c0c6e34a9c819b0ebf28f49505d374095b2b58c7a810cf1e806cb3c79af3bc84c8b657787804e374df2b49be6ac510d43024e65fd031540a7cd45c9348ad9f' +
    '5511b969be6f9c4d849c1428f611225b0d9a3ae341669ba645baa877cdc34c39f5975f4991a77f86eca2c25ebee63a06928c1bbc9513f35547645e835544c1e4' +
    'a8f33d7f29c1cfbde6425fa05aeff69f373aa8a281c92817cbe5be9305795354efc71a89462e87ce83919d679dcbfded88f7fff9177f4b49e8a959d9aa78b63f' +
    'eb99fa56735df0f4fc253653a9177f767b307bb2a9e7e4d9042f22cc6c4f177db80efaebfef8a3baa6f1423335c830308c2496118263f0bd361d93f8b4e75a7c' +
    'ba94c2af72dd13ee8926524cfe9df14f79165a3498b9fd631cbb874d25b11315f9acb442512561cf7dc6098a08874fcc704cdd5e84e57811a49e78fbd56e5a8e' +
    '767617321c295095595ea2b0f4aaca30dd38749ab83532be1bdcf4c32a119e035558bb427dbdb806b4e15cea8df3c098728c2b5e40209c5138531db1b6607775' +
    '44e6a014477a7d1b93eb0f245fe9e7053997c10504ef692f21639c86d8926ddce6886d0c39eb7c59357ee54f81871019593713f4a6df37bf7003358694cff59a' +
    'f9872ca02bf762e20499227dba2f552203459dcc69780ef08d9bab4140d96e1c478f06b63b60c9bfb10d90e31d47570ea949ab8e9b99db6ec2f8a2a77dcb25cc' +
    '36b733dfc09b8299a9d7b19e68c09ad82703f9b47d34d1a3cbafe42c73f57d0e',
  plaintext:
    '34323635363137353734373932303639373332303734373237353734363832633230373437323735373436383230363236353631373537343739',
  ciphertext:
    'c5c591f99092d5e38df0a52699af249c66f8275a863423c076de8147a53e65cc584041c963b77a7e59ea93841b1339b5efda8909b71f74bb0073ad62e899de310c1566dea2fd29eba377',
  exported: '5a78d37f40e078c17ef43fa40963f1ff7dcdee56e366da9099dc181c3eccaee5',
}

describe('MLKEM768-X25519', () => {
  test('is the construction of draft-ietf-hpke-pq under this identifier', async () => {
    // The vector's cipher is not spoken here; its KEM and its key derivation are.
    const suite = new CipherSuite(KEM_MLKEM768_X25519, KDF_HKDF_SHA256, AEAD_ChaCha20Poly1305)
    const extractable = await suite.DeriveKeyPair(hex(hybrid.ikmR), true)
    expect(hexOf(await suite.SerializePrivateKey(extractable.privateKey))).toBe(hybrid.skR)
    const pair = (await keyPairOf(0x647a, { bytes: () => hex(hybrid.ikmR) })) as KeyPair
    const publicKey = hexOf(await suite.SerializePublicKey(pair.publicKey))
    expect(publicKey).toHaveLength(2 * kemBytes[0x647a].publicKey)
    expect(publicKey.startsWith(hybrid.pkRStart)).toBe(true)
    expect(publicKey.endsWith(hybrid.pkREnd)).toBe(true)
    const context = await suite.SetupRecipient(pair, hex(hybrid.enc), { info: hex(hybrid.info) })
    const opened = await context.Open(hex(hybrid.ciphertext), utf8Of('Count-0'))
    expect(hexOf(opened)).toBe(hybrid.plaintext)
    expect(hexOf(await context.Export(utf8Of('pseudorandom0'), 32))).toBe(hybrid.exported)
  })

  test('its private half cannot be exported', async () => {
    const pair = await keyPairOf(0x647a, { bytes: (length) => new Uint8Array(length) })
    expect(pair.privateKey.extractable).toBe(false)
    const suite = recipientSuite(0x647a, { kdf: 0x0001, aead: 0x0002 })
    await expect(suite.SerializePrivateKey(pair.privateKey)).rejects.toThrow()
  })

  test('is preferred, and known to be missing where Web Crypto lacks it', async () => {
    expect(await supportedKems()).toEqual([0x647a, 0x0020, 0x0010])
    const importKey = crypto.subtle.importKey.bind(crypto.subtle)
    const engine = vi.spyOn(crypto.subtle, 'importKey').mockImplementation((...parameters) => {
      // As Node 20 has it.
      if (JSON.stringify(parameters[2]).includes('MLKEM'))
        throw new TypeError('not a valid enum value')
      return importKey(...(parameters as Parameters<typeof importKey>))
    })
    expect(await supportedKems()).toEqual([0x0020, 0x0010])
    engine.mockRestore()
  })

  test('what is offered is tried in an order that no other order changes', () => {
    const configs = [{ kem: 0x0010 }, { kem: 0x0020 }, { kem: 0x647a }] as const
    expect(preferred(configs).map(({ kem }) => kem)).toEqual([0x647a, 0x0010, 0x0020])
  })
})
