// Starts thread-entry.ts when the generator runs from its sources: a thread needs a TypeScript loader of its own.
import { register } from 'tsx/esm/api'

register()
await import('./thread-entry.ts')
