"""A board around its panels: their places, the variables, the marks, the links between boards."""

from .panels import DATASOURCE

COLUMNS = 24


def instances(metric):
    """Variables to narrow a board to some jobs and processes: those that have this metric."""
    return [
        _variable("job", "Job", f"label_values({metric}, job)"),
        _variable("instance", "Process", f'label_values({metric}{{job=~"$job"}}, instance)'),
    ]


def _variable(name, label, query):
    return {
        "type": "query",
        "name": name,
        "label": label,
        "datasource": DATASOURCE,
        "definition": query,
        "query": {"qryType": 1, "query": query, "refId": f"variable-{name}"},
        "refresh": 2,
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"selected": True, "text": ["All"], "value": ["$__all"]},
        "hide": 0,
        "options": [],
        "regex": "",
        "skipUrlSync": False,
    }


def _annotation(name, expression, title, text, color):
    return {
        "name": name,
        "datasource": DATASOURCE,
        "enable": True,
        "hide": False,
        "iconColor": color,
        "expr": expression,
        "step": "60s",
        "titleFormat": title,
        "textFormat": text,
    }


def board(uid, title, description, rows, *, variables=(), span="now-3h"):
    """A board of rows: pairs of a heading and its panels, which fill the width from the left."""
    panels, y, number = [], 0, 0
    for heading, members in rows:
        number += 1
        panels.append(
            {
                "id": number,
                "type": "row",
                "title": heading,
                "collapsed": False,
                "gridPos": {"x": 0, "y": y, "w": COLUMNS, "h": 1},
                "panels": [],
            }
        )
        y, x, deepest = y + 1, 0, 0
        for panel in members:
            place = panel["gridPos"]
            if x + place["w"] > COLUMNS:
                y, x, deepest = y + deepest, 0, 0
            place["x"], place["y"] = x, y
            x, deepest = x + place["w"], max(deepest, place["h"])
            number += 1
            panels.append({"id": number, **panel})
        y += deepest
    return {
        "uid": uid,
        "title": title,
        "description": description,
        "tags": ["ramz"],
        "schemaVersion": 39,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "timezone": "browser",
        "refresh": "30s",
        "time": {"from": span, "to": "now"},
        "timepicker": {},
        "fiscalYearStartMonth": 0,
        "liveNow": False,
        "weekStart": "",
        "links": [
            {
                "type": "dashboards",
                "title": "Ramz",
                "tags": ["ramz"],
                "asDropdown": False,
                "includeVars": False,
                "keepTime": True,
                "targetBlank": False,
                "icon": "external link",
                "tooltip": "",
                "url": "",
            }
        ],
        "templating": {"list": list(variables)},
        "annotations": {
            "list": [
                _annotation("Alerts", 'ALERTS{alertstate="firing",alertname=~"Ramz.+"}',
                            "{{alertname}}", "{{severity}}", "red"),
                _annotation("Starts", 'process_start_time_seconds{job=~"ramz-.+"} > time() - 60',
                            "{{job}} started", "{{instance}}", "blue"),
            ]
        },
        "panels": panels,
    }
