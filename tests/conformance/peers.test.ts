import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { judge } from '../../src/conformance/judge.js'
import { wgrokTestee } from '../../src/conformance/wgrok-testee.js'
import { asSuite, readPeerFile } from './peer-cases.js'

/** Folder with case files of another implementation; not part of this repository. */
const folder = process.env['WGROK_PEER_CASES']

const testee = wgrokTestee('test')

describe('cases of other implementations', () => {
  if (folder === undefined || folder === '') {
    it.skip('WGROK_PEER_CASES names no folder')
    return
  }
  for (const name of readdirSync(folder).filter(file => file.endsWith('.json'))) {
    describe(name, () => {
      for (const item of readPeerFile(name, JSON.parse(readFileSync(join(folder, name), 'utf8')))) {
        if ('skip' in item) {
          it.skip(`${item.name}: ${item.skip}`)
        } else if ('errorContains' in item) {
          it(item.name, async () => {
            const answer = await testee.run(item.op, item.input)
            expect(answer).toHaveProperty('error.text', expect.stringContaining(item.errorContains))
          })
        } else {
          it(item.name, async () => {
            const [suite, only] = asSuite(item.op, item.input, item.expect)
            expect(await judge(suite, only, testee, await testee.hello())).toEqual({ verdict: 'pass' })
          })
        }
      }
    })
  }
})
