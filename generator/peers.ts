import { createRequire } from 'node:module'

/**
 * The generator's heavy packages are optional peers of the published package: a project that only runs the bus never
 * installs them. Each is loaded on first use; a missing one is reported with the command that adds it.
 */
export class MissingPeerError extends Error {
  /** npm package names to install. */
  readonly packages: readonly string[]

  constructor(packages: readonly string[], cause: unknown) {
    super(`the generator needs ${packages.join(', ')}: npm i -D ${packages.join(' ')}`, { cause })
    this.name = 'MissingPeerError'
    this.packages = packages
  }
}

const BIOME = '@biomejs/biome'

/** Every package the generator may load, in the order that `npm i -D` should list them. */
export const GENERATOR_PEERS: readonly string[] = [
  '@asyncapi/parser',
  '@asyncapi/modelina',
  'ajv',
  'ts-morph',
  'yaml',
  BIOME,
]

/** Those of {@link GENERATOR_PEERS} that are not installed. */
export function missingPeers(): string[] {
  const { resolve } = createRequire(import.meta.url)
  return GENERATOR_PEERS.filter(name => {
    try {
      resolve(name === BIOME ? `${BIOME}/bin/biome` : name)
      return false
    } catch (cause) {
      // Anything else than a missing package is told by whoever loads it.
      return (cause as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND'
    }
  })
}

/** Runs a dynamic import; a package that is not there becomes a {@link MissingPeerError}. */
export async function loadPeer<T>(name: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load()
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code
    const missing = code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND'
    if (missing && (cause as Error).message.includes(name)) throw new MissingPeerError([name], cause)
    throw cause
  }
}

/** @throws MissingPeerError */
export function loadYaml(): Promise<typeof import('yaml')> {
  return loadPeer('yaml', () => import('yaml'))
}

/** @throws MissingPeerError */
export function loadModelina(): Promise<typeof import('@asyncapi/modelina')> {
  return loadPeer('@asyncapi/modelina', () => import('@asyncapi/modelina'))
}

/** @throws MissingPeerError */
export function loadTsMorph(): Promise<typeof import('ts-morph')> {
  return loadPeer('ts-morph', () => import('ts-morph'))
}
