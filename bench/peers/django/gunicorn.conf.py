"""As gunicorn's documentation advises: twice the cores and one more workers, kept connections by threads."""

import multiprocessing

workers = 2 * multiprocessing.cpu_count() + 1
worker_class = "gthread"
threads = 4
keepalive = 30
