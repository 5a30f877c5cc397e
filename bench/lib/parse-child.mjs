import { readFileSync } from 'node:fs'
import { Parser } from '@asyncapi/parser'

/* What is compared with: the AsyncAPI parser, loaded and run on one document. */
const { document } = await new Parser().parse(readFileSync(process.argv[2], 'utf8'))
if (document === undefined) process.exit(1)
