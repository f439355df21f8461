"""What a board is made of. A panel says which question it answers and what to do next, or it is none."""

DATASOURCE = {"type": "prometheus", "uid": "ramz-prometheus"}
GREEN, YELLOW, RED = "green", "yellow", "red"


def high(warn, bad):
    """Thresholds of a figure that is bad when it is high."""
    return [(None, GREEN), *([(warn, YELLOW)] if warn != bad else []), (bad, RED)]


def low(bad, warn):
    """Thresholds of a figure that is bad when it is low."""
    return [(None, RED), *([(bad, YELLOW)] if warn != bad else []), (warn, GREEN)]


PLAIN = [(None, "text")]


def quantiles(histogram, shares, *, labels="", by="", name=""):
    """Queries of a histogram's quantiles, each with its name; `by` keeps a label apart."""
    sums = f"{by}, le" if by else "le"
    return [
        (
            f"histogram_quantile({share / 100:g}, sum by ({sums}) "
            f"(rate({histogram}_bucket{labels}[$__rate_interval])))",
            f"p{share} {name}".strip(),
        )
        for share in shares
    ]


def _thresholds(steps):
    return {"mode": "absolute", "steps": [{"value": value, "color": color} for value, color in steps]}


def _targets(queries, instant, form):
    targets = []
    for index, (expression, legend) in enumerate(queries):
        targets.append(
            {
                "refId": chr(ord("A") + index),
                "datasource": DATASOURCE,
                "editorMode": "code",
                "expr": expression,
                "legendFormat": legend,
                "format": form,
                "instant": instant,
                "range": not instant,
            }
        )
    return targets


def _panel(kind, title, question, then, width, height, queries, unit, instant, form="time_series"):
    return {
        "type": kind,
        "title": title,
        "description": f"{question} {then}",
        "datasource": DATASOURCE,
        "gridPos": {"x": 0, "y": 0, "w": width, "h": height},
        "targets": _targets(queries, instant, form),
        "fieldConfig": {"defaults": {"unit": unit}, "overrides": []},
        "links": [],
    }


def stat(title, question, then, query, unit, steps, *, width=4, words=None, idle="no traffic",
         decimals=None, board=None):
    """One figure of this moment in traffic-light colours. `words` replaces values by words; `board`
    is where a click leads."""
    panel = _panel("stat", title, question, then, width, 4, [(query, "")], unit, True)
    defaults = panel["fieldConfig"]["defaults"]
    defaults.update(
        color={"mode": "thresholds"},
        thresholds=_thresholds(steps),
        noValue=idle,
        mappings=[],
    )
    if decimals is not None:
        defaults["decimals"] = decimals
    if words:
        options = {
            str(value): {"index": index, "text": text, "color": color}
            for index, (value, (text, color)) in enumerate(words.items())
        }
        defaults["mappings"] = [{"type": "value", "options": options}]
    if board:
        panel["links"] = [link(board)]
    panel["options"] = {
        "colorMode": "value" if steps is PLAIN else "background",
        "graphMode": "none",
        "justifyMode": "auto",
        "orientation": "auto",
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "textMode": "value",
        "wideLayout": True,
    }
    return panel


def link(board):
    """To another board, with the same span of time."""
    title = board.replace("ramz-", "").replace("-", " ")
    return {"title": f"Look closer: {title}", "url": f"/d/{board}?${{__url_time_range}}"}


def series(title, question, then, queries, unit, *, width=12, height=8, steps=None, stack=False,
           steps_shape=False, top=None, idle="no traffic", board=None):
    """Lines over time. `steps` draws limits; `top` fixes the upper end of the axis."""
    panel = _panel("timeseries", title, question, then, width, height, queries, unit, False)
    custom = {
        "drawStyle": "line",
        "lineInterpolation": "stepAfter" if steps_shape else "linear",
        "lineWidth": 1,
        "fillOpacity": 30 if stack else 0,
        "showPoints": "auto",
        "pointSize": 4,
        "spanNulls": False,
        "stacking": {"mode": "normal" if stack else "none", "group": "A"},
        "thresholdsStyle": {"mode": "dashed" if steps else "off"},
        "axisPlacement": "auto",
        "axisSoftMin": 0,
    }
    defaults = panel["fieldConfig"]["defaults"]
    defaults.update(
        color={"mode": "palette-classic"},
        custom=custom,
        thresholds=_thresholds(steps or [(None, GREEN)]),
        noValue=idle,
        mappings=[],
        min=0,
    )
    if top is not None:
        defaults["max"] = top
    if board:
        panel["links"] = [link(board)]
    panel["options"] = {
        "legend": {
            "displayMode": "table",
            "placement": "bottom",
            "showLegend": True,
            "calcs": ["lastNotNull", "max"],
        },
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
    return panel


def heat(title, question, then, query, unit, *, width=12, height=8):
    """How the values of a histogram spread, over time."""
    panel = _panel("heatmap", title, question, then, width, height, [(query, "{{le}}")], unit, False,
                   "heatmap")
    panel["fieldConfig"]["defaults"] = {
        "unit": unit,
        "custom": {"scaleDistribution": {"type": "linear"}},
    }
    panel["options"] = {
        "calculate": False,
        "cellGap": 1,
        "color": {"mode": "scheme", "scheme": "Oranges", "steps": 64, "exponent": 0.5,
                  "fill": "dark-orange", "reverse": False},
        "exemplars": {"color": "rgba(255,0,255,0.7)"},
        "filterValues": {"le": 1e-9},
        "legend": {"show": True},
        "rowsFrame": {"layout": "auto"},
        "showValue": "never",
        "tooltip": {"mode": "single", "showColorScale": False, "yHistogram": False},
        "yAxis": {"axisPlacement": "left", "reverse": False, "unit": unit},
    }
    return panel


def table(title, question, then, query, unit, *, hide=(), width=12, height=8, idle="none"):
    """The series of one query of this moment, as rows."""
    panel = _panel("table", title, question, then, width, height, [(query, "")], unit, True, "table")
    panel["fieldConfig"]["defaults"].update(
        custom={"align": "auto", "cellOptions": {"type": "auto"}, "filterable": False, "inspect": False},
        thresholds=_thresholds([(None, GREEN)]),
        color={"mode": "thresholds"},
        noValue=idle,
        mappings=[],
    )
    panel["options"] = {
        "showHeader": True,
        "cellHeight": "sm",
        "footer": {"show": False, "reducer": ["sum"], "countRows": False, "fields": ""},
    }
    panel["transformations"] = [
        {
            "id": "organize",
            "options": {
                "excludeByName": {name: True for name in ("Time", "__name__", *hide)},
                "indexByName": {},
                "renameByName": {},
            },
        }
    ]
    return panel
