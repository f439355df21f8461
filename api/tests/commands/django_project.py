"""A small Django project with users of its own, and dumps of them.

Makes, in the folder that the first argument names: users.json and users.jsonl (dumpdata of
everything) and users.csv (the table of users). Prints nothing.
"""

import csv
import os
import sys
import types
from datetime import datetime, timezone

folder = sys.argv[1]
os.chdir(folder)

import django
from django.conf import settings

settings.configure(
    BASE_DIR=folder,
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "django.sqlite3"}},
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "accounts"],
    AUTH_USER_MODEL="accounts.User",
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    USE_TZ=True,
    PASSWORD_HASHERS=[
        "django.contrib.auth.hashers.PBKDF2PasswordHasher",
        "django.contrib.auth.hashers.Argon2PasswordHasher",
        "django.contrib.auth.hashers.BCryptSHA256PasswordHasher",
        "django.contrib.auth.hashers.PBKDF2SHA1PasswordHasher",
        "django.contrib.auth.hashers.ScryptPasswordHasher",
        "django.contrib.auth.hashers.MD5PasswordHasher",
    ],
)
sys.modules["accounts"] = accounts = types.ModuleType("accounts")
accounts.__path__ = [folder]
accounts.__file__ = os.path.join(folder, "__init__.py")
with open("models.py", "w") as models:
    models.write(
        "from django.contrib.auth.models import AbstractUser\n"
        "from django.db import models\n"
        "class User(AbstractUser):\n"
        "    phone_number = models.CharField(max_length=20, unique=True, null=True)\n"
    )
django.setup()

from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group
from django.core.management import call_command

call_command("migrate", run_syncdb=True, verbosity=0)

from accounts.models import User

at = datetime(2024, 5, 1, 8, 30, 15, 123456, tzinfo=timezone.utc)


def user(username, phone, password, **fields):
    fields = {"date_joined": at, "email": f"{username}@example.com", **fields}
    User.objects.create(username=username, phone_number=phone, password=password, **fields)


word = "correct horse battery"
user("pbkdf2", "+989120000001", make_password(word, hasher="pbkdf2_sha256"), last_login=at)
user("argon2", "09120000002", make_password(word, hasher="argon2"), first_name="مریم", last_name='Of "Tehran", کرج')
user("bcrypt", "۰۹۱۲۰۰۰۰۰۰۳", make_password(word, hasher="bcrypt_sha256"), is_superuser=True, is_staff=True)
user("unusable", "9120000004", make_password(None), email="", date_joined=at.replace(microsecond=0))
user("inactive", "00989120000005", make_password(word), is_active=False)
user("09120000006", None, make_password(word), first_name="Six")
user("weak", "09120000007", make_password(word, hasher="md5"))
user("nobody", None, make_password(word))
user("landline", "02188776655", make_password(word))
user("again", "+98 912 000 0001", make_password(word))
user("sha1", "09120000008", make_password(word, hasher="pbkdf2_sha1"))
user("scrypt", "09120000009", make_password(word, hasher="scrypt"))
Group.objects.create(name="editors").user_set.add(User.objects.get(username="bcrypt"))

call_command("dumpdata", output="users.json", verbosity=0)
call_command("dumpdata", "accounts", format="jsonl", output="users.jsonl", verbosity=0)
columns = [field.name for field in User._meta.concrete_fields]
with open("users.csv", "w", newline="", encoding="utf-8-sig") as table:
    writer = csv.writer(table)
    writer.writerow(columns)
    writer.writerows(User.objects.order_by("id").values_list(*columns))
