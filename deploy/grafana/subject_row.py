"""The row of the emotion dashboard about tweet topics, and the variable that chooses them."""

from typing import Final

from grafana_foundation_sdk.builders.dashboard import QueryVariable
from grafana_foundation_sdk.models.dashboard import VariableRefresh, VariableSort

from deploy.grafana.layout import PanelRow
from deploy.grafana.panels import DATASOURCE, PER_SECOND, SHARE, PanelOptions, Query, lines, matrix

_TWEETS: Final = 'emotion_subject_tweets_total{job="worker", subject=~"$subject"}'
_RATE: Final = f"sum by (emotion) (rate({_TWEETS}[$__rate_interval]))"
_CELLS: Final = f"sum by (subject, emotion) (increase({_TWEETS}[$__range]))"
_SUBJECTS: Final = f"sum by (subject) (increase({_TWEETS}[$__range]))"
_SHARE_10M: Final = 'subject_emotion:emotion_subject_tweets:share10m{subject=~"$subject", emotion=~"anger|fear"}'


def subject_variable() -> QueryVariable:
    """Return the variable `subject`: one, several or all tweet topics."""
    return (
        QueryVariable("subject")
        .label("Tweet topic")
        .description("Tweet topics to show, of TOPICS_FILE")
        .datasource(DATASOURCE)
        .query('label_values(emotion_subject_tweets_total{job="worker"}, subject)')
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.ALPHABETICAL_ASC)
        .multi(True)
        .include_all(True)
        .all_value(".*")
    )


def subjects() -> PanelRow:
    """Return the row; without TOPICS_FILE its panels are empty."""
    return PanelRow(
        "Tweet topics",
        [
            lines(
                PanelOptions(
                    "Emotions of the tweet topic",
                    "Share of each emotion in the labelled tweets of the chosen tweet topics. A tweet of several tweet "
                    "topics counts several times.",
                    SHARE,
                    12,
                ),
                Query(f"{_RATE} / on () group_left () (sum({_RATE}) > 0)", "{{emotion}}"),
                stacked=True,
                top=1,
            ),
            lines(
                PanelOptions("Tweets per tweet topic", "Labelled tweets per second, by tweet topic.", PER_SECOND, 12),
                Query(f"sum by (subject) (rate({_TWEETS}[$__rate_interval]))", "{{subject}}"),
            ),
            matrix(
                PanelOptions(
                    "Comparison of tweet topics",
                    "Rows: tweet topics. Columns: emotions. Cells: share of the row's tweets in the time range.",
                    SHARE,
                    12,
                ),
                Query(f"{_CELLS} / on (subject) group_left () ({_SUBJECTS} > 0)", "{{subject}} {{emotion}}"),
                row="subject",
                column="emotion",
            ),
            lines(
                PanelOptions(
                    "Anger and fear, by tweet topic",
                    "Share of anger and of fear in each tweet topic over ten minutes. The alert SubjectEmotionJumped "
                    "compares them with the day before.",
                    SHARE,
                    12,
                ),
                Query(_SHARE_10M, "{{subject}}: {{emotion}}"),
                top=1,
            ),
        ],
    )
