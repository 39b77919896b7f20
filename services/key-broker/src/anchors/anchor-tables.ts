export interface AnchorTables {
  readonly 'broker.anchor': AnchorTable
}

export interface AnchorTable {
  readonly name: string
  readonly revision: string
  readonly sealed: Buffer
}
