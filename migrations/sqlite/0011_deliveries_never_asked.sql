-- Until this version nobody asked what became of accepted messages, so that every one of them still
-- waits for its first check. They would be asked about all at once, before the new ones, and most of
-- them would count as unknown: the gateway forgets after two days. So only those of the last hour are.
UPDATE sends SET next_check_at = NULL
  WHERE next_check_at < strftime('%Y-%m-%dT%H:%M:%S', 'now', '-1 hour');
