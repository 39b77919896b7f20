import onnxProto from 'onnx-proto'

const { onnx } = onnxProto

/** Opset of every graph made here: the oldest that has what they need. */
export const opset = 13

/** Name of a value inside a graph. */
export type Value = string

type Attribute = number | readonly number[] | { readonly float: number } | { readonly word: string }

/** One operator, its inputs and its integer attributes; `{ float }` and `{ word }` for the others. */
export type Operator = (
  name: string,
  inputs: readonly Value[],
  attributes?: Readonly<Record<string, Attribute>>,
) => Value

/** Writes an ONNX graph node by node. */
export interface GraphWriter {
  /** A float input; a name stands for a dimension that varies. */
  input(name: string, shape: readonly (number | string)[]): Value
  /** A float constant. */
  constant(name: string, shape: readonly number[], data: Float32Array): Value
  /** An int64 constant: axes, shapes, bounds. */
  integers(values: readonly number[]): Value
  /** A float constant of one number. */
  scalar(value: number): Value
  op: Operator
  /** Makes `value` an output of that name. */
  output(name: string, value: Value, shape: readonly (number | string)[]): void
  /** The model as protobuf bytes. The same calls give the same bytes. */
  encode(metadata: Readonly<Record<string, string>>): Uint8Array
}

/** An empty graph called `name`. */
export function createGraph(name: string): GraphWriter {
  const nodes: InstanceType<typeof onnx.NodeProto>[] = []
  const constants: InstanceType<typeof onnx.TensorProto>[] = []
  const inputs: InstanceType<typeof onnx.ValueInfoProto>[] = []
  const outputs: InstanceType<typeof onnx.ValueInfoProto>[] = []
  const known = new Map<string, Value>()
  const once = (key: string, make: (name: Value) => void): Value => {
    const earlier = known.get(key)
    if (earlier !== undefined) return earlier
    const fresh = `constant_${known.size}`
    known.set(key, fresh)
    make(fresh)
    return fresh
  }
  const float = (tensor: string, shape: readonly number[], data: Float32Array): void => {
    constants.push(
      onnx.TensorProto.create({
        name: tensor,
        dims: [...shape],
        dataType: onnx.TensorProto.DataType.FLOAT,
        rawData: littleEndian(data),
      }),
    )
  }

  return {
    input(value, shape) {
      inputs.push(floatValue(value, shape))
      return value
    },
    constant(value, shape, data) {
      float(value, shape, data)
      return value
    },
    integers: (values) =>
      once(`integers ${values.join()}`, (fresh) => {
        constants.push(
          onnx.TensorProto.create({
            name: fresh,
            dims: [values.length],
            dataType: onnx.TensorProto.DataType.INT64,
            rawData: new Uint8Array(BigInt64Array.from(values, BigInt).buffer),
          }),
        )
      }),
    scalar: (value) => once(`scalar ${value}`, (fresh) => float(fresh, [], Float32Array.of(value))),
    op(operator, operands, attributes = {}) {
      const result = `${operator}_${nodes.length}`
      nodes.push(
        onnx.NodeProto.create({
          name: result,
          opType: operator,
          input: [...operands],
          output: [result],
          attribute: Object.entries(attributes).map(([key, value]) => attributeOf(key, value)),
        }),
      )
      return result
    },
    output(value, source, shape) {
      nodes.push(
        onnx.NodeProto.create({
          name: `to_${value}`,
          opType: 'Identity',
          input: [source],
          output: [value],
        }),
      )
      outputs.push(floatValue(value, shape))
    },
    encode: (metadata) =>
      onnx.ModelProto.encode(
        onnx.ModelProto.create({
          irVersion: 7,
          producerName: 'sealward',
          opsetImport: [{ domain: '', version: opset }],
          graph: { name, node: nodes, initializer: constants, input: inputs, output: outputs },
          metadataProps: Object.entries(metadata).map(([key, value]) => ({ key, value })),
        }),
      ).finish(),
  }
}

/** The `metadata_props` of a model, and its constants by name. */
export function readModel(bytes: Uint8Array): {
  readonly metadata: Readonly<Record<string, string>>
  readonly producer: string
} {
  const model = onnx.ModelProto.decode(bytes)
  return {
    metadata: Object.fromEntries(
      model.metadataProps.map(({ key, value }) => [key ?? '', value ?? '']),
    ),
    producer: model.producerName,
  }
}

function floatValue(
  name: string,
  shape: readonly (number | string)[],
): InstanceType<typeof onnx.ValueInfoProto> {
  return onnx.ValueInfoProto.create({
    name,
    type: {
      tensorType: {
        elemType: onnx.TensorProto.DataType.FLOAT,
        shape: {
          dim: shape.map((side) =>
            typeof side === 'number' ? { dimValue: side } : { dimParam: side },
          ),
        },
      },
    },
  })
}

function attributeOf(name: string, value: Attribute): InstanceType<typeof onnx.AttributeProto> {
  const { AttributeType } = onnx.AttributeProto
  if (typeof value === 'number') {
    return onnx.AttributeProto.create({ name, type: AttributeType.INT, i: value })
  }
  if ('float' in value) {
    return onnx.AttributeProto.create({ name, type: AttributeType.FLOAT, f: value.float })
  }
  if ('word' in value) {
    const s = new TextEncoder().encode(value.word)
    return onnx.AttributeProto.create({ name, type: AttributeType.STRING, s })
  }
  return onnx.AttributeProto.create({ name, type: AttributeType.INTS, ints: [...value] })
}

/** Little-endian bytes of the numbers, on any machine. */
export function littleEndian(data: Float32Array): Uint8Array {
  const bytes = new Uint8Array(data.length * 4)
  const view = new DataView(bytes.buffer)
  data.forEach((value, index) => {
    view.setFloat32(index * 4, value, true)
  })
  return bytes
}
