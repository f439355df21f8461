import secrets

from django.core.cache import cache
from django.utils.crypto import constant_time_compare
from django.utils.timezone import now
from rest_framework import serializers, status
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework_simplejwt.tokens import RefreshToken
from service.celery import send_code

from .models import User

LIFE_OF_A_CODE = 120
COOLDOWN = 30
MOST_TRIES = 3


class RegisterSerializer(serializers.Serializer):
    phone_number = serializers.RegexField(r"^\+989\d{9}$")


class VerifySerializer(RegisterSerializer):
    otp = serializers.RegexField(r"^\d{6}$")


class Register(APIView):
    """Makes a code, keeps it in the cache, and leaves the message to the worker."""

    def post(self, request):
        serializer = RegisterSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        phone_number = serializer.validated_data["phone_number"]
        if not cache.add(f"cooldown:{phone_number}", 1, COOLDOWN):
            return Response({"detail": "wait"}, status=status.HTTP_429_TOO_MANY_REQUESTS)
        code = f"{secrets.randbelow(1_000_000):06}"
        cache.set(f"otp:{phone_number}", {"code": code, "tries": 0}, LIFE_OF_A_CODE)
        send_code.delay(phone_number, code)
        return Response({"detail": "sent"})


class VerifyCode(APIView):
    """Compares the code, finds or creates the user, and gives tokens."""

    def post(self, request):
        serializer = VerifySerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        phone_number = serializer.validated_data["phone_number"]
        key = f"otp:{phone_number}"
        kept = cache.get(key)
        if kept is None or kept["tries"] >= MOST_TRIES:
            return Response({"detail": "expired"}, status=status.HTTP_400_BAD_REQUEST)
        if not constant_time_compare(kept["code"], serializer.validated_data["otp"]):
            kept["tries"] += 1
            cache.set(key, kept, LIFE_OF_A_CODE)
            return Response({"detail": "wrong"}, status=status.HTTP_400_BAD_REQUEST)
        cache.delete(key)
        user, _ = User.objects.get_or_create(phone_number=phone_number)
        user.last_login = now()
        user.save(update_fields=["last_login"])
        refresh = RefreshToken.for_user(user)
        return Response({"refresh": str(refresh), "access": str(refresh.access_token)})
