/** One generated file. Emitters return these; only sync.ts touches the disk. */
export interface GeneratedFile {
  /** Relative to the output folder, forward slashes. */
  readonly path: string
  readonly text: string
}

/** What an emitter may know beside the IR. */
export interface EmitOptions {
  /** Base name of the spec file, for the header line. */
  readonly specName: string
}

/** Something an emitter cannot express; the pipeline turns `pointer` into file, line and column. */
export class EmitError extends Error {
  readonly pointer: string

  constructor(pointer: string, message: string) {
    super(message)
    this.name = 'EmitError'
    this.pointer = pointer
  }
}
