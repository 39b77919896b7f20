import type { ReactElement } from 'react'
import { useTranslation } from 'react-i18next'
import { RenderedFilm } from '../result/rendered-film.tsx'
import { Facts } from '../ui/facts.tsx'
import { Icon } from '../ui/icon.tsx'
import { Notice } from '../ui/notice.tsx'
import { type FilmSummary, transferSyntaxNameOf } from './film.ts'
import { isDifference, wordsOfWarning } from './film-words.ts'

/** What was recognised in a film, what of it goes no further, and what to be careful about. */
export function FilmCard({ film }: { readonly film: FilmSummary }): ReactElement {
  const { t } = useTranslation()
  const differences = film.warnings.filter(isDifference)
  const warnings = film.warnings.filter((warning) => !isDifference(warning))
  return (
    <div className="film-card" data-testid="film-summary">
      <p className="verified-line" role="status">
        <Icon name="tick" />
        {t('film.recognised')}
      </p>
      <div className="film-card-columns">
        <div className="film-preview">
          <RenderedFilm id={film.id} label={t('film.preview')} />
        </div>
        <div>
          <Facts
            facts={[
              { name: t('film.fact.modality'), value: film.modality, testId: 'film-modality' },
              { name: t('film.fact.size'), value: `${film.columns} × ${film.rows}` },
              {
                name: t('film.fact.transferSyntax'),
                value: transferSyntaxNameOf(film.transferSyntax),
              },
              { name: t('film.fact.sha256'), value: film.sha256 },
            ]}
          />
        </div>
      </div>
      {differences.length > 0 && (
        <Notice tone="bad" title={t('film.differs')} testId="film-differences">
          <p>{t('film.differsText')}</p>
          <ul>
            {differences.map((difference) => (
              <li key={difference}>{t(`film.difference.${difference}`)}</li>
            ))}
          </ul>
        </Notice>
      )}
      {warnings.length > 0 && (
        <Notice tone="warning" title={t('film.warnings')} testId="film-warnings">
          <ul>
            {warnings.map((warning) => {
              const words = wordsOfWarning(warning)
              return (
                <li key={warning}>{words === undefined ? warning : t(`film.warning.${words}`)}</li>
              )
            })}
          </ul>
        </Notice>
      )}
      <div className="film-removed">
        <h3>
          <Icon name="lock" />
          {t('film.removed')}
        </h3>
        <p>{t('film.removedText')}</p>
        {film.removed.length > 0 && (
          <details className="details">
            <summary>{t('film.removedList', { n: film.removed.length })}</summary>
            <ul className="removed-list">
              {film.removed.map((name) => (
                <li key={name}>{name}</li>
              ))}
            </ul>
          </details>
        )}
      </div>
    </div>
  )
}
