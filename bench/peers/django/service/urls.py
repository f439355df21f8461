from accounts.views import Register, VerifyCode
from django.http import HttpResponse
from django.urls import path

urlpatterns = [
    path("api/register/", Register.as_view()),
    path("api/verify-otp/", VerifyCode.as_view()),
    path("healthz", lambda _: HttpResponse("ok")),
]
