"""The emotion dashboard: what people feel, how sure the model is, and how often it is right where that is known."""

from typing import Final

from grafana_foundation_sdk.models.dashboard import Dashboard

from deploy.grafana.layout import Row, filled, new_dashboard
from deploy.grafana.panels import PER_SECOND, SHARE, Query, View, bars, distribution, lines, matrix, name, number

DISTANCE_LIMIT: Final = 0.2
"""Where the alert EmotionMixShifted begins."""

_CLASSIFIED: Final = 'emotion_tweets_classified_total{job="worker"}'
_CONFIDENCE: Final = 'emotion_confidence_{part}{{job="worker"}}'
_RATE: Final = f"sum by (emotion) (rate({_CLASSIFIED}[$__rate_interval]))"
_TOTAL: Final = f"sum by (emotion) (increase({_CLASSIFIED}[$__range]))"

# Of tweets that say their label, over the time that is shown.
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
    """The dashboard with uid `emotion`."""
    dashboard = new_dashboard(
        "emotion", "Emotions", "What the tweets of the stream feel, live.", since="now-30m", refresh="5s"
    )
    rows = [_figures(), _course(), _confidence(), _quality()]
    return filled(dashboard, rows)


def _figures() -> Row:
    confidence = f"sum(increase({_part('sum')}[$__range])) / (sum(increase({_part('count')}[$__range])) > 0)"
    return Row(
        "",
        [
            number(
                View("Tweets labelled", "In the time that is shown.", "short", 4, 4),
                Query(f"sum(increase({_CLASSIFIED}[$__range]))", "tweets"),
                over_range=True,
            ),
            number(
                View("Now", "Labelled tweets a second, all workers together.", PER_SECOND, 4, 4),
                Query(f"sum(rate({_CLASSIFIED}[$__rate_interval]))", "tweets"),
            ),
            name(
                View("Commonest now", "The emotion of most tweets of this moment.", "none", 4, 4),
                Query(f"topk(1, {_RATE} > 0)", "{{emotion}}"),
            ),
            number(
                View("Confidence", "Mean probability that the model gives its own answers.", SHARE, 4, 4),
                Query(confidence, "mean"),
                over_range=True,
            ),
            number(
                View("Accuracy", "Share of right answers among tweets that say their label.", SHARE, 4, 4),
                Query(_ACCURACY, "accuracy"),
                over_range=True,
            ),
            number(
                View("Macro-F1", "Mean F1 of the emotions, rare ones as heavy as common ones.", SHARE, 4, 4),
                Query(f"avg({_F1})", "macro-F1"),
                over_range=True,
            ),
        ],
    )


def _course() -> Row:
    distance = "Total variation distance between the emotions of the last hour and those of the week before it: the "
    return Row(
        "Emotions over time",
        [
            lines(
                View("Share", "Of the tweets of each moment.", SHARE, 16, 10),
                Query(f"{_RATE} / on () group_left () (sum({_RATE}) > 0)", "{{emotion}}"),
                stacked=True,
                top=1,
            ),
            bars(
                View("Total", "Tweets of each emotion in the time that is shown.", "short", 8, 10),
                Query(f"sort_desc({_TOTAL})", "{{emotion}}"),
            ),
            lines(
                View("Rate", "Labelled tweets a second.", PER_SECOND, 16),
                Query(_RATE, "{{emotion}}"),
            ),
            lines(
                View(
                    "Distance from the week",
                    distance
                    + "share of tweets that would have to change their emotion. Above the line it is an alert.",
                    SHARE,
                    8,
                ),
                Query("stream:emotion_tweets_classified:mix_distance1h", "distance"),
                limit=DISTANCE_LIMIT,
            ),
        ],
    )


def _confidence() -> Row:
    buckets = f"sum by (le, emotion) (rate({_part('bucket')}[$__rate_interval]))"
    return Row(
        "How sure the model is",
        [
            lines(
                View("Median confidence", "Half of an emotion's tweets are surer, half less sure.", SHARE, 12),
                Query(f"histogram_quantile(0.5, {buckets}) >= 0", "{{emotion}}"),
                top=1,
            ),
            distribution(
                View("Distribution of confidence", "Tweets by confidence, all emotions together.", SHARE, 12),
                Query(f"sum by (le) (increase({_part('bucket')}[$__rate_interval]))", "{{le}}"),
            ),
        ],
    )


def _quality() -> Row:
    return Row(
        "Beside the labels that tweets bring",
        [
            lines(
                View("Accuracy and macro-F1", "Over the hour before each moment.", SHARE, 8),
                Query("stream:emotion_confusion:accuracy1h", "accuracy"),
                Query("stream:emotion_confusion:macro_f1_1h", "macro-F1"),
                top=1,
            ),
            bars(
                View("F1", "Of each emotion in the time that is shown; 1 is never wrong.", SHARE, 6),
                Query(f"sort_desc({_F1})", "{{emotion}}"),
                top=1,
            ),
            matrix(
                View(
                    "Label and answer", "Of the tweets with a row's label, the share that got each answer.", SHARE, 10
                ),
                Query(f"{_PAIRS} / on (label) group_left () ({_LABELLED} > 0)", "{{label}} {{emotion}}"),
                row="label",
                column="emotion",
            ),
        ],
    )


def _part(name: str) -> str:
    return _CONFIDENCE.format(part=name)
