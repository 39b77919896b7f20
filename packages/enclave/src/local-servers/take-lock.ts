import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { isAlive } from './children.ts'

/**
 * Takes a lock that holds for as long as this process lives.
 *
 * @param file - is made, with this process's id in it; one that an ended process left behind is replaced.
 * @returns whether it was taken: no other process holds it.
 */
export function takeLock(file: string): boolean {
  for (let attempt = 0; attempt < 2; attempt++) {
    try {
      writeFileSync(file, String(process.pid), { flag: 'wx' })
      return true
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
      if (isAlive(Number(readFileSync(file, 'utf8')))) return false
      rmSync(file, { force: true })
    }
  }
  return false
}
