import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'

const TEXT = readFileSync(new URL('../../THREAT_MODEL.md', import.meta.url), 'utf8')
const rows = TEXT.slice(TEXT.indexOf('## Threats'), TEXT.indexOf('## Not protected'))
  .split('\n')
  .filter(line => line.startsWith('| **'))
const citations = rows.flatMap(row => [...row.matchAll(/`([a-z/-]+) › ([^`]*)`/g)])

describe('the threat model', () => {
  it('cites a test for every threat, or says that the risk is accepted', () => {
    for (const row of rows) expect(row).toMatch(/ › |accepted risk/)
    expect(rows.length).toBeGreaterThan(25)
  })

  it.each(citations.map(([, file = '', name = '']) => [file, name]))(
    'cites a test that exists: %s › %s',
    (file, name) => {
      expect(readFileSync(new URL(`../${file}.test.ts`, import.meta.url), 'utf8')).toContain(name)
    },
  )
})
