import { WgrokError } from '../errors.js'
import type { ReloadableConfig, WgrokRouter } from './router.js'

/**
 * Has SIGHUP read the configuration again. One that makes no sense is reported, and the old one stays.
 *
 * @returns a function that lets go of the signal.
 */
export function reloadOnHangup(
  router: Pick<WgrokRouter, 'reload'>,
  read: () => Promise<ReloadableConfig>,
  report: (error: WgrokError) => void,
): () => void {
  const onHangup = (): void => {
    read()
      .then(config => router.reload(config))
      .catch(error => report(WgrokError.from(error)))
  }
  process.on('SIGHUP', onHangup)
  return () => void process.off('SIGHUP', onHangup)
}
