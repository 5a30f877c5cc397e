/** Parts of a REST id, which is the URL-safe, unpadded base64 of `ciscospark://<cluster>/<TYPE>/<uuid>`. */
export interface WebexId {
  /** `us`, or `urn:TEAM:<region>`. */
  readonly cluster: string
  readonly type: string
  readonly uuid: string
}

/** The parts of a REST id; undefined for what is none, a raw uuid for example. */
export function readId(id: string): WebexId | undefined {
  const text = Buffer.from(id, 'base64url').toString('utf8')
  const match = /^ciscospark:\/\/([^/]+)\/([A-Z_]+)\/([^/]+)$/.exec(text)
  const [, cluster, type, uuid] = match ?? []
  return cluster === undefined || type === undefined || uuid === undefined ? undefined : { cluster, type, uuid }
}

/** Writes a REST id as the API does: unpadded, or it would compare unequal. */
export function writeId({ cluster, type, uuid }: WebexId): string {
  return Buffer.from(`ciscospark://${cluster}/${type}/${uuid}`, 'utf8').toString('base64url')
}

/** The raw id in a REST id, or the id itself when it is raw already: the two forms name the same thing. */
export function rawId(id: string): string {
  return readId(id)?.uuid ?? id
}
