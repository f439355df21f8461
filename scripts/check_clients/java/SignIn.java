import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.openapitools.client.ApiClient;
import org.openapitools.client.ApiException;
import org.openapitools.client.api.AccountApi;
import org.openapitools.client.api.SessionsApi;
import org.openapitools.client.api.SignInApi;
import org.openapitools.client.model.CodeRequest;
import org.openapitools.client.model.Profile;
import org.openapitools.client.model.RefreshRequest;
import org.openapitools.client.model.Verification;

/** Signs in with the generated Java client. Usage: SignIn API-URL INBOX-URL NUMBER */
public class SignIn {
    public static void main(String[] arguments) throws Exception {
        String number = arguments[2];
        SignInApi api = new SignInApi(client(arguments[0], null));
        var sent = api.requestCode(new CodeRequest().phoneNumber(number));
        var verification = new Verification().sessionId(sent.getSessionId());
        var tokens = api.verifyCode(verification.code(code(arguments[1], number)));
        Profile me = me(arguments[0], tokens.getAccessToken());
        check(me.getPhoneNumber().equals("+98" + number.substring(1)), me.getPhoneNumber());
        var request = new RefreshRequest().refreshToken(tokens.getRefreshToken());
        var refreshed = new SessionsApi(client(arguments[0], null)).refreshTokens(request);
        Profile again = me(arguments[0], refreshed.getAccessToken());
        check(again.getId().equals(me.getId()), "another user");
        try {
            api.verifyCode(new Verification().phoneNumber(number).code("000000"));
            check(false, "a wrong code was taken");
        } catch (ApiException error) {
            check(error.getResponseBody().contains("\"code_wrong\""), error.getResponseBody());
        }
        System.out.println("Java: signed in as " + me.getPhoneNumber());
    }

    private static Profile me(String url, String accessToken) throws ApiException {
        return new AccountApi(client(url, accessToken)).showProfile();
    }

    private static ApiClient client(String url, String accessToken) {
        ApiClient client = new ApiClient();
        client.updateBaseUri(url);
        if (accessToken != null) {
            client.setRequestInterceptor(
                    request -> request.header("Authorization", "Bearer " + accessToken));
        }
        return client;
    }

    private static String code(String inbox, String number) throws Exception {
        URI address = URI.create(inbox + "/_sim/messages?limit=1&receptor=" + number);
        HttpRequest request = HttpRequest.newBuilder(address).build();
        for (int tries = 0; tries < 200; tries++) {
            var answer = HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString());
            Matcher found = Pattern.compile("\"code\": ?\"([0-9]+)\"").matcher(answer.body());
            if (found.find()) {
                return found.group(1);
            }
            Thread.sleep(50);
        }
        throw new IllegalStateException("no message has arrived");
    }

    private static void check(boolean holds, String otherwise) {
        if (!holds) {
            throw new IllegalStateException(otherwise);
        }
    }
}
