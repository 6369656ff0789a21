"""The emotion dashboard: emotions, tweet topics, confidence of the model, language, scores on labelled input."""

from typing import Final

from grafana_foundation_sdk.models.dashboard import Dashboard

from deploy.grafana.layout import PanelRow, filled, new_dashboard
from deploy.grafana.panels import (
    PER_SECOND,
    SHARE,
    PanelOptions,
    Query,
    bars,
    distribution,
    lines,
    matrix,
    name,
    number,
)
from deploy.grafana.subject_row import subject_variable, subjects
from tweets.unfamiliar_tokens import UNFAMILIAR_ABOVE

DISTANCE_LIMIT: Final = 0.2
"""The threshold of the alert EmotionMixShifted."""

_CLASSIFIED: Final = 'emotion_tweets_classified_total{job="worker"}'
_CONFIDENCE: Final = 'emotion_confidence_{part}{{job="worker"}}'
_UNFAMILIAR: Final = 'sum(rate(emotion_unfamiliar_tokens_{part}{{job="worker"{bucket}}}[$__rate_interval]))'
_RATE: Final = f"sum by (emotion) (rate({_CLASSIFIED}[$__rate_interval]))"
_TOTAL: Final = f"sum by (emotion) (increase({_CLASSIFIED}[$__range]))"

# Of tweets that carry a label, over the dashboard's time range.
_PAIRS: Final = 'sum by (label, emotion) (increase(emotion_confusion_total{job="worker"}[$__range]))'
_ANSWERED: Final = 'sum by (emotion) (increase(emotion_confusion_total{job="worker"}[$__range]))'
_LABELLED: Final = 'sum by (label) (increase(emotion_confusion_total{job="worker"}[$__range]))'
_HITS: Final = (
    f'sum by (emotion) ({_PAIRS} and on (label, emotion) label_replace({_ANSWERED}, "label", "$1", "emotion", "(.+)"))'
)
_LABELLED_AS_EMOTION: Final = f'sum by (emotion) (label_replace({_LABELLED}, "emotion", "$1", "label", "(.+)"))'
_ACCURACY: Final = f"sum({_HITS}) / (sum({_PAIRS}) > 0)"
_F1: Final = f"2 * {_HITS} / ({_ANSWERED} + {_LABELLED_AS_EMOTION} > 0)"


def emotion_dashboard() -> Dashboard:
    """Return the dashboard with uid `emotion`."""
    dashboard = new_dashboard(
        "emotion",
        "Emotions",
        "Emotions of the labelled tweets, confidence of the model, and scores on tweets that carry a label.",
        since="now-30m",
        refresh="5s",
    )
    rows = [_figures(), _course(), subjects(), _confidence(), _quality()]
    return filled(dashboard.with_variable(subject_variable()), rows)


def _figures() -> PanelRow:
    confidence = f"sum(increase({_part('sum')}[$__range])) / (sum(increase({_part('count')}[$__range])) > 0)"
    return PanelRow(
        "",
        [
            number(
                PanelOptions("Labelled tweets", "Labelled tweets committed in the time range.", "short", 4, 4),
                Query(f"sum(increase({_CLASSIFIED}[$__range]))", "tweets"),
                over_range=True,
            ),
            number(
                PanelOptions("Current rate", "Labelled tweets per second, sum over all workers.", PER_SECOND, 4, 4),
                Query(f"sum(rate({_CLASSIFIED}[$__rate_interval]))", "tweets"),
            ),
            name(
                PanelOptions("Most frequent", "The emotion with the highest current rate.", "none", 4, 4),
                Query(f"topk(1, {_RATE} > 0)", "{{emotion}}"),
            ),
            number(
                PanelOptions(
                    "Mean confidence", "Mean probability of the predicted emotion in the time range.", SHARE, 4, 4
                ),
                Query(confidence, "mean"),
                over_range=True,
            ),
            number(
                PanelOptions(
                    "Accuracy", "Share of correct predictions among the tweets that carry a label.", SHARE, 4, 4
                ),
                Query(_ACCURACY, "accuracy"),
                over_range=True,
            ),
            number(
                PanelOptions(
                    "Macro-F1", "Unweighted mean of the emotions' F1 on tweets that carry a label.", SHARE, 4, 4
                ),
                Query(f"avg({_F1})", "macro-F1"),
                over_range=True,
            ),
        ],
    )


def _course() -> PanelRow:
    return PanelRow(
        "Emotions over time",
        [
            lines(
                PanelOptions("Share", "Share of each emotion in the labelled tweets.", SHARE, 16, 10),
                Query(f"{_RATE} / on () group_left () (sum({_RATE}) > 0)", "{{emotion}}"),
                stacked=True,
                top=1,
            ),
            bars(
                PanelOptions("Total", "Labelled tweets of each emotion in the time range.", "short", 8, 10),
                Query(f"sort_desc({_TOTAL})", "{{emotion}}"),
            ),
            lines(
                PanelOptions("Rate", "Labelled tweets per second, by emotion.", PER_SECOND, 16),
                Query(_RATE, "{{emotion}}"),
            ),
            lines(
                PanelOptions(
                    "Distance from the week before",
                    "Total variation distance between the emotion shares of the last hour and of the week before. "
                    "The alert EmotionMixShifted fires above the line.",
                    SHARE,
                    8,
                ),
                Query("stream:emotion_tweets_classified:mix_distance1h", "distance"),
                limit=DISTANCE_LIMIT,
            ),
        ],
    )


def _confidence() -> PanelRow:
    buckets = f"sum by (le, emotion) (rate({_part('bucket')}[$__rate_interval]))"
    return PanelRow(
        "Confidence and language",
        [
            lines(
                PanelOptions("Median confidence", "Median confidence of the predictions of each emotion.", SHARE, 8),
                Query(f"histogram_quantile(0.5, {buckets}) >= 0", "{{emotion}}"),
                top=1,
            ),
            distribution(
                PanelOptions(
                    "Distribution of confidence",
                    "Number of labelled tweets by confidence, all emotions together.",
                    SHARE,
                    8,
                ),
                Query(f"sum by (le) (increase({_part('bucket')}[$__rate_interval]))", "{{le}}"),
            ),
            lines(
                PanelOptions(
                    "Probably not English",
                    f"Share of labelled tweets with more than {UNFAMILIAR_ABOVE:.0%} unfamiliar tokens. The labels of "
                    "such tweets are unreliable. Streams of English tweets have 1 to 3 %.",
                    SHARE,
                    8,
                ),
                Query(f"1 - {_familiar()} / ({_UNFAMILIAR.format(part='count', bucket='')} > 0)", "not English"),
            ),
        ],
    )


def _quality() -> PanelRow:
    return PanelRow(
        "Predictions compared with labels",
        [
            lines(
                PanelOptions(
                    "Accuracy and macro-F1", "Scores of the previous hour, on tweets that carry a label.", SHARE, 8
                ),
                Query("stream:emotion_confusion:accuracy1h", "accuracy"),
                Query("stream:emotion_confusion:macro_f1_1h", "macro-F1"),
                top=1,
            ),
            bars(
                PanelOptions("F1", "F1 of each emotion in the time range; 1 is best.", SHARE, 6),
                Query(f"sort_desc({_F1})", "{{emotion}}"),
                top=1,
            ),
            matrix(
                PanelOptions(
                    "Confusion matrix",
                    "Rows: the label that the tweet carries. Columns: the predicted emotion. Cells: share of the row.",
                    SHARE,
                    10,
                ),
                Query(f"{_PAIRS} / on (label) group_left () ({_LABELLED} > 0)", "{{label}} {{emotion}}"),
                row="label",
                column="emotion",
            ),
        ],
    )


def _familiar() -> str:
    """Return the query for the rate of tweets up to UNFAMILIAR_ABOVE, which is the bound of a bucket."""
    return _UNFAMILIAR.format(part="bucket", bucket=f', le="{UNFAMILIAR_ABOVE}"')


def _part(name: str) -> str:
    return _CONFIDENCE.format(part=name)
