"Tables, intervals, differences, verdicts"
import numpy as np

from bad_input import refused, right

ROWS = [
    refused('report.table', lambda f: f(['a', 'b'], [[1]]), 'every row needs 2 values', 'one has 1'),
    right('report.table', lambda f: f(['a'], [['x|y']]), '| a |\n| --- |\n| x\\|y |'),
    right('report.Table', lambda f: f('| a |')._repr_markdown_(), '| a |'),
    *(refused('report.mean_interval', lambda f, v=v: f(v), words) for v,words in (([1.], 'at least two'), ([], 'at least two'), (3., 'at least two'),
      ([1., np.nan], 'finite'), ([1., np.inf], 'finite'), (['a', 'b'], 'numbers'), (None, 'numbers'))),
    *(refused('report.mean_interval', lambda f, v=v: f([1., 2.], v), 'level') for v in (0, 1, 95, np.nan, '0.9')),
    right('report.mean_interval', lambda f: f(np.array([1, 2, 3], np.float16))[0], 2.),
    right('report.mean_interval', lambda f: f([1., np.nan, 3.], gaps=True)[0], 2.),
    right('report.mean_interval', lambda f: f([[np.nan, 1.], [np.nan, 3.]], gaps=True)[0].tolist(), lambda m: np.isnan(m[0]) and m[1]==2),
    refused('report.geometric_interval', lambda f: f([1., 0.]), 'positive'),
    refused('report.geometric_interval', lambda f: f([1., -2.]), 'positive'),
    refused('report.geometric_interval', lambda f: f([1.]), 'at least two'),
    right('report.geometric_interval', lambda f: f([.1, 10.])[0], 1.),
    right('report.plus_minus', lambda f: f((np.float32(.5), .25)), '0.50 ± 0.25'),
    refused('report.paired_difference', lambda f: f([1, 2], [1, 2, 3]), 'shape (2,)', '(3,)'),
    refused('report.paired_difference', lambda f: f([1.], [2.]), 'at least two'),
    refused('report.paired_difference', lambda f: f([1., np.nan], [2., 3.]), 'finite'),
    right('report.paired_difference', lambda f: f([1, 2], [1, 2]), (0., 0., 1.)),
    *(refused('report.holm', lambda f, v=v: f(v), words) for v,words in (([], '[0, 1]'), ([1.2], '[0, 1]'), ([-.1], '[0, 1]'), ([np.nan], 'finite'), (.5, 'shape (m,)'))),
    right('report.holm', lambda f: f(np.array([.5, .01])), [.5, .02]),
    refused('report.bootstrap_interval', lambda f: f([1., 0.]), 'shape (S, n)'),
    refused('report.bootstrap_interval', lambda f: f(np.ones((2, 0))), 'at least one'),
    refused('report.bootstrap_interval', lambda f: f([[np.nan]]), 'finite'),
    refused('report.bootstrap_interval', lambda f: f([[1.]], draws=1), 'draws'),
    refused('report.bootstrap_interval', lambda f: f([[1.]], level=2), 'level'),
    refused('report.bootstrap_interval', lambda f: f([[1.]], seed=-1), 'seed'),
    right('report.bootstrap_interval', lambda f: f(np.ones((3, 50), np.float16)), (1., 1., 1.)),
    refused('report.verdict', lambda f: f(2, 1), 'low must not exceed high'),
    refused('report.verdict', lambda f: f(np.nan, 1), 'low'),
    refused('report.verdict', lambda f: f(0, 1, side='beside'), 'side'),
    right('report.verdict', lambda f: f(np.float64(1), 2, 0), 'holds'),
    right('report.answer', lambda f: f(0., 0.), 'not measurably (+0.00 ± 0.00 points)'),
]
