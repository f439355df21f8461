//! The English texts, written as English and not translated word by word.

use domain::challenge::Locale;
use flows::RefusalCode;

use super::{
    AsksWords, CodeWords, FaultWords, FrameWords, HomeWords, LogOutWords, MessageWords,
    SignInWords, Words, account,
};

pub(super) static WORDS: Words = Words {
    locale: Locale::En,
    direction: "ltr",
    brand: "Ramz",
    frame: FrameWords {
        error_title: "Error",
        skip: "Skip to content",
        other_language: "فارسی",
        log_out: "Log out",
        terms: "Terms",
        privacy: "Privacy",
        support: "Help",
    },
    home: HomeWords {
        title: "Welcome",
        lead: "Sign in with your mobile number. There is no password to remember.",
        sign_in: "Sign in",
        sign_up: "Sign up",
        hello: "Hello",
        hello_name: "Hello {name}",
        signed_in_with: "You are signed in as {number}.",
        welcome_new: ("Welcome", "Your account is ready."),
        welcome_new_unasked: (
            "Welcome",
            "This number had no account, so we have made one for you.",
        ),
        welcome_known: ("Welcome back", "You are in your account."),
        welcome_known_unasked: (
            "Welcome back",
            "This number already has an account. You are in it now.",
        ),
        logged_out: (
            "You are logged out",
            "To come back, all you need is your mobile number.",
        ),
    },
    sign_in: SignInWords {
        title: "Sign in",
        lead: "Enter your mobile number and we will text you a code.",
        sign_up_title: "Sign up",
        sign_up_lead: "Enter your mobile number. The code that we text you makes your account.",
        number: "Mobile number",
        number_hint: "Such as {number}, with any keyboard",
        send: "Send me a code",
        to_sign_up: ("No account yet?", "Sign up"),
        to_sign_in: ("Have an account?", "Sign in"),
    },
    code: CodeWords {
        title_over: "Ask for a new code",
        title: "Enter the code",
        sent: "We have texted a {digits}-digit code to {number}.",
        called: "We are calling {number} to read out a {digits}-digit code.",
        change_number: "Change the number",
        code: "{digits}-digit code",
        valid_for: "Valid for",
        submit: "Sign in",
        resend: "Send again",
        resend_new: "Send a new code",
        resend_wait: "Send again in {wait} seconds",
        call: "Call me",
        nothing_came: "No code?",
        where_is_it: "See where the message is",
        sent_again: (
            "Sent again",
            "It is the same code as before, so use whichever message arrives first.",
        ),
        call_asked: (
            "We are calling you",
            "Pick up the phone and listen to the code.",
        ),
        sent_a_moment_ago: (
            "The code is on its way",
            "We sent it a moment ago. If it does not arrive, ask again in {wait} seconds.",
        ),
        call_too_soon: (
            "We cannot call you yet",
            "The code is on its way. If it does not arrive, ask for a call in {wait} seconds.",
        ),
        expired: (
            "This code has expired",
            "Ask for a new one and we will send it.",
        ),
        exhausted: (
            "No attempts left",
            "Please ask for the code again, and use the newest message that you have.",
        ),
        used: (
            "This code was used",
            "A code works once. Ask for a new one.",
        ),
        gone: (
            "This request is no longer valid",
            "Ask for a new code and we will send it.",
        ),
        wrong: (
            "That code is wrong.",
            "Look at the message once more. You can try {left} more times.",
        ),
        wrong_last: (
            "That code is wrong.",
            "Look at the message once more. You can try one more time.",
        ),
        empty: (
            "The code is missing.",
            "Enter the {digits} digits of the message.",
        ),
        not_digits: (
            "A code has digits only.",
            "Enter just the {digits} digits of the code.",
        ),
        too_short: (
            "The code is too short.",
            "It has {digits} digits. Enter all of them.",
        ),
        too_long: (
            "The code is too long.",
            "It has {digits} digits. Enter only those.",
        ),
        can_resend_now: "You can ask for the code again now.",
        submits_itself: "The code is sent by itself when you enter the last digit.",
    },
    message: MessageWords {
        title: "Where is my message?",
        lead: "For {number}",
        steps: "What happened to the message",
        asked: "We got your request",
        asked_call: "You asked for a call",
        handed_over: "Handed to the operator",
        arrived: "Reached your phone",
        waiting: ("Waiting to be sent", "This usually takes a few seconds."),
        interrupted: (
            "No messages go out at the moment",
            "Yours is sent as soon as the SMS service is back.",
        ),
        unconfirmed: (
            "Not confirmed yet",
            "The operator has not answered. Messages usually arrive within a minute.",
        ),
        undelivered: (
            "The operator could not deliver it",
            "Check that the phone is on, has a signal and does not block messages.",
        ),
        not_sent: ("It was not sent", "Please ask for the code once more."),
        unknown: (
            "We cannot tell whether it was sent",
            "Wait a little. If it does not arrive, ask again.",
        ),
        same_code: "You need no new code: whenever the message arrives, its code works until {time}.",
        look_again: "This page shows how things are at this moment.",
        call_in: "We can call you in {wait} seconds: then look again.",
        again_in: "You can ask for the code again in {wait} seconds: then look again.",
        code_over: "The time of this code is over. Go back to the code page and ask for a new one.",
        arrived_hint: "If you do not see it, look among blocked or promotional messages.",
        back: "Back to the code",
        refresh: "Look again",
    },
    log_out: LogOutWords {
        title: "Log out?",
        lead: "You leave your account on this device.",
        submit: "Log out",
        stay: "Stay signed in",
    },
    asks: AsksWords {
        who: "{client} asks you to sign in.",
        back: "Back to {client}",
        title: "Do you want to go on?",
        signed_in: "You are signed in with {number}. The application will learn that it is you.",
        other_person: "You are signed in with {number}, but the application expects somebody else. Sign in with the other number.",
        go_on: "Continue",
        other: "Another number",
    },
    faults: FaultWords {
        not_found: (
            "There is no such page",
            "The address may be mistyped, or the page has moved.",
        ),
        method: (
            "This page cannot be opened in this way",
            "Start from the home page.",
        ),
        cross_site: (
            "The request came from another site",
            "We have not carried it out, to keep you safe. Do it here on this site.",
        ),
        unreadable: (
            "The request did not arrive as it should",
            "Go back one page and send it again.",
        ),
        too_old: (
            "This page has become too old",
            "Please send it once more. Nothing is lost.",
        ),
        cookies_off: (
            "Your browser takes no cookies",
            "Without them we cannot know who has signed in. Allow cookies for this site in the settings of your browser, and send it again.",
        ),
        internal: (
            "Something went wrong",
            "The fault is ours. Try again a little later; if it happens again, give this reference to support.",
        ),
        application: (
            "The application is set up wrongly",
            "It cannot sign you in in this way. Tell the people who run it, and give them this reference.",
        ),
        lapsed: (
            "This sign-in is over",
            "It took too long, or it was finished already. Go back to the application and begin again.",
        ),
        reference: "Reference",
        copy: "Copy",
        copied: "Copied",
        to_home: "Home page",
        to_sign_in: "Sign in",
        try_again: "Try again",
    },
    account: &account::EN,
    refusal,
};

fn refusal(code: RefusalCode) -> Option<(&'static str, &'static str)> {
    Some(match code {
        RefusalCode::PhoneEmpty => ("The number is missing.", "Enter your mobile number."),
        RefusalCode::PhoneMalformed => (
            "This is not a mobile number.",
            "Enter one number, such as 09123456789, and count its digits.",
        ),
        RefusalCode::PhoneNotMobile => (
            "This is not a mobile number.",
            "A landline gets no messages. Enter a mobile number.",
        ),
        RefusalCode::PhoneCountryNotAllowed => (
            "We send no messages to this country.",
            "Enter your Iranian mobile number.",
        ),
        RefusalCode::ChannelUnavailable => ("We cannot call you now.", "Ask for the code by SMS."),
        RefusalCode::TooManyRequestsPhone => (
            "We have sent several codes to this number.",
            "To protect its owner, the next one can be asked for in {wait}.",
        ),
        RefusalCode::TooManyRequestsAddress => (
            "Many requests came from your connection.",
            "Others may share it with you. Ask again in {wait}.",
        ),
        RefusalCode::GatewayUnavailable => (
            "No messages go out at the moment.",
            "The SMS service is down, and we know about it. Ask again in {wait}.",
        ),
        RefusalCode::QueueFull => ("Many messages are waiting.", "Ask again in {wait}."),
        RefusalCode::SendingPaused => (
            "No more messages go out today.",
            "Ask again in {wait}, or sign in with your password.",
        ),
        RefusalCode::StoreFull => (
            "We take no new requests at the moment.",
            "A code that you have works. Ask for a new one in {wait}.",
        ),
        RefusalCode::StoreUnavailable => (
            "The service is away for a moment.",
            "It is not your fault. Send it again in {wait}.",
        ),
        RefusalCode::PasswordWrong => (
            "The current password is wrong.",
            "Enter it again, or confirm it is you with a code.",
        ),
        RefusalCode::TooManyFailuresAddress => (
            "Too many wrong codes or passwords came from your connection.",
            "Others may share it with you. Try again after {wait}.",
        ),
        RefusalCode::PasswordBusy => (
            "Many people are signing in right now.",
            "Send it again in a moment. Nothing is lost.",
        ),
        RefusalCode::KeyUnavailable => (
            "We cannot check this code now.",
            "Try again a little later, or ask for a new code.",
        ),
        RefusalCode::Internal => (
            "Something went wrong.",
            "The fault is ours. If it happens again, give this reference to support: {request}",
        ),
        _ => return None,
    })
}
