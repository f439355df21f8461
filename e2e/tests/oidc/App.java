import java.io.IOException;
import java.net.URI;
import java.util.Scanner;
import org.json.JSONObject;

/** What an app does with the files of the guide: signs in, refreshes, and signs out. */
public final class App {
    public static void main(String[] arguments) throws Exception {
        String ramz = arguments[0];
        String client = arguments[1];
        if (arguments.length > 2) {
            // The system would hand the answer to the app.
            Scanner system = new Scanner(System.in, "UTF-8");
            RamzSignIn signIn = new RamzSignIn(ramz, client, arguments[2]);
            say("open", signIn.request().toString());
            use(signIn, URI.create(system.nextLine()));
            return;
        }
        try (Loopback loopback = new Loopback()) {
            RamzSignIn signIn = new RamzSignIn(ramz, client, loopback.redirectUri());
            say("open", signIn.request().toString());
            use(signIn, loopback.answer());
        }
    }

    private static void use(RamzSignIn signIn, URI answer) throws IOException {
        JSONObject tokens = signIn.finish(answer);
        say("callback", "taken");
        JSONObject user = signIn.user(tokens.optString("access_token"));
        say("user", user.optString("phone_number") + " " + user.optString("sub"));
        String first = tokens.optString("refresh_token");
        JSONObject fresh = signIn.refresh(first);
        say("refresh", String.valueOf(!first.equals(fresh.optString("refresh_token"))));
        user = signIn.user(fresh.optString("access_token"));
        say("user", user.optString("phone_number") + " " + user.optString("sub"));
        String last = fresh.optString("refresh_token");
        signIn.revoke(last);
        try {
            signIn.refresh(last);
            say("revoked", "false");
        } catch (RamzSignIn.Refused refused) {
            say("revoked", refused.error);
        }
        say("done", "");
    }

    private static void say(String what, String more) {
        System.out.println(what + " " + more);
        System.out.flush();
    }
}
