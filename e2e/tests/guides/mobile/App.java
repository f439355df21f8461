import java.lang.reflect.Field;
import java.util.ArrayList;
import java.util.List;
import java.util.Scanner;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.json.JSONObject;

/** What an app lives through, with the client of the guide. */
public final class App {
    private static final String NUMBER = "+989123456789";

    /** A key store for as long as the test runs. */
    private static final class Store implements RamzClient.TokenStore {
        private String token;

        @Override
        public synchronized String load() {
            return token;
        }

        @Override
        public synchronized void save(String refreshToken) {
            token = refreshToken;
        }
    }

    public static void main(String[] arguments) throws Exception {
        String url = arguments[0];
        Store store = new Store();
        RamzClient ramz = new RamzClient(url, "fa", store);
        check(!ramz.isSignedIn(), "signed in from the start");
        checkSignedOut(ramz);

        JSONObject user = SignIn.signIn(ramz, new Scanner(System.in, "UTF-8"));
        check(NUMBER.equals(user.optString("phone_number")), "another number");

        step("the app is started anew");
        String first = store.load();
        ramz = new RamzClient(url, "fa", store);
        checkSignedIn(ramz);
        check(!first.equals(store.load()), "the old refresh token was kept");

        step("many threads find the access token dead");
        spoil(ramz);
        ExecutorService threads = Executors.newFixedThreadPool(8);
        List<Future<JSONObject>> calls = new ArrayList<>();
        for (int thread = 0; thread < 8; thread++) {
            RamzClient shared = ramz;
            calls.add(threads.submit(() -> shared.call("GET", "me", null)));
        }
        for (Future<JSONObject> call : calls) {
            check(NUMBER.equals(call.get().optString("phone_number")), "another number");
        }
        threads.shutdown();

        step("the answer to a refresh is lost");
        spoil(ramz);
        checkSignedIn(ramz);

        step("another service refuses a token");
        String token = ramz.accessToken(null);
        check(token.equals(ramz.accessToken(null)), "a new token without need");
        check(!token.equals(ramz.accessToken(token)), "the refused token again");

        step("logged out");
        String last = store.load();
        ramz.logOut();
        check(!ramz.isSignedIn(), "still signed in");
        checkSignedOut(ramz);
        ramz.logOut();

        step("a copy of the refresh token is worth nothing");
        store.save(last);
        checkSignedOut(new RamzClient(url, "fa", store));
        check(store.load() == null, "a dead refresh token was kept");
        System.out.println("done");
    }

    /** As if its five minutes were over: the service refuses it. */
    private static void spoil(RamzClient ramz) throws Exception {
        Field field = RamzClient.class.getDeclaredField("accessToken");
        field.setAccessible(true);
        check(field.get(ramz) != null, "no access token");
        field.set(ramz, "spoiled");
    }

    private static void checkSignedIn(RamzClient ramz) throws Exception {
        JSONObject user = ramz.call("GET", "me", null);
        check(NUMBER.equals(user.optString("phone_number")), "another number");
    }

    private static void checkSignedOut(RamzClient ramz) throws Exception {
        try {
            ramz.call("GET", "me", null);
        } catch (RamzClient.SignedOut expected) {
            return;
        }
        throw new AssertionError("still signed in");
    }

    private static void step(String name) {
        System.out.println(name);
    }

    private static void check(boolean holds, String otherwise) {
        if (!holds) {
            throw new AssertionError(otherwise);
        }
    }
}
