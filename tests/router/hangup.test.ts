import { describe, expect, it } from 'vitest'
import { WgrokError } from '../../src/errors.js'
import { reloadOnHangup } from '../../src/router/hangup.js'
import { turn } from '../bus/fakes.js'

describe('SIGHUP', () => {
  it('reads the configuration again, reports one that makes no sense, and is let go of', async () => {
    const loaded: unknown[] = []
    const errors: WgrokError[] = []
    const configs = [{ domains: ['a.example'] }, undefined, { domains: ['b.example'] }]
    const before = process.listenerCount('SIGHUP')
    const letGo = reloadOnHangup(
      { reload: config => void loaded.push(config) },
      async () => {
        const config = configs.shift()
        if (config === undefined) throw new WgrokError('config-invalid', 'WGROK_DOMAINS')
        return config
      },
      error => void errors.push(error),
    )
    for (let n = 0; n < 3; n++) {
      process.emit('SIGHUP')
      await turn()
    }
    expect(loaded).toEqual([{ domains: ['a.example'] }, { domains: ['b.example'] }])
    expect(errors.map(({ code }) => code)).toEqual(['config-invalid'])
    letGo()
    expect(process.listenerCount('SIGHUP')).toBe(before)
  })
})
