/** This library as a testee in a process of its own; with a name, a mutant of it. */
import { serveTestee } from '../../../src/conformance/driver/stdio.js'
import { wgrokTestee } from '../../../src/conformance/wgrok-testee.js'
import { MUTANTS } from './mutants.js'

const name = process.argv[2]
const mutant = MUTANTS.find(one => one.name === name)
if (name !== undefined && mutant === undefined) throw new Error(`no mutant ${name}`)
const write = (line: string): Promise<void> => new Promise(resolve => process.stdout.write(line, () => resolve()))
await serveTestee(mutant?.testee() ?? wgrokTestee('test'), process.stdin, write)
process.exit()
