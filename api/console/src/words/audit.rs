//! The audit log.

/// Its texts.
pub(crate) struct AuditWords {
    pub(crate) title: &'static str,
    pub(crate) when: &'static str,
    pub(crate) who: &'static str,
    pub(crate) what: &'static str,
    pub(crate) whom: &'static str,
    pub(crate) why: &'static str,
    pub(crate) from_where: &'static str,
    pub(crate) details: &'static str,
    pub(crate) from: &'static str,
    pub(crate) to: &'static str,
    pub(crate) actor: &'static str,
    pub(crate) subject: &'static str,
    pub(crate) object: &'static str,
    pub(crate) command_line: &'static str,
    pub(crate) owner: &'static str,
    pub(crate) system: &'static str,
    /// What is done, by the name that the records keep.
    pub(crate) actions: &'static [(&'static str, &'static str)],
}

impl AuditWords {
    /// What was done, in words; the name itself if there are none.
    pub(crate) fn action<'a>(&'a self, name: &'a str) -> &'a str {
        let found = self.actions.iter().find(|(of, _)| *of == name);
        found.map_or(name, |(_, words)| words)
    }

    /// Where it was done.
    pub(crate) fn source(&self, name: &str) -> &'static str {
        match name {
            "command_line" => self.command_line,
            "owner" => self.owner,
            "system" => self.system,
            _ => "",
        }
    }
}

pub(super) static FA: AuditWords = AuditWords {
    title: "رویدادها",
    when: "زمان",
    who: "چه کسی",
    what: "چه کاری",
    whom: "با چه کسی یا چه چیزی",
    why: "چرا",
    from_where: "از کجا",
    details: "جزئیات",
    from: "از روز",
    to: "تا روز",
    actor: "شناسهٔ انجام‌دهنده",
    subject: "شناسهٔ کاربر",
    object: "شیء",
    command_line: "با دستور روی سرور",
    owner: "خود کاربر",
    system: "سامانه",
    actions: &[
        ("superuser_created", "superuser ساخته شد"),
        ("superuser_promoted", "کاربر superuser شد"),
        ("password_set", "گذرواژه گذاشته شد"),
        ("phone_move_asked", "تعویض شماره خواسته شد"),
        ("phone_move_stopped", "تعویض شماره متوقف شد"),
        ("phone_moved", "شماره عوض شد"),
        ("users_imported", "کاربران وارد شدند"),
        ("console_sign_in", "به کنسول وارد شد"),
        ("console_log_out", "از کنسول خارج شد"),
        ("console_proven_again", "دوباره کد داد"),
        ("console_factor_set_up", "برنامهٔ رمزساز را راه انداخت"),
        ("console_factor_locked", "کد نادرست، قفل شد"),
        ("admin_link_made", "پیوند ورود ساخته شد"),
        ("admin_link_used", "با پیوند آمد"),
        ("number_unmasked", "شماره را کامل دید"),
        ("role_given", "نقش داد"),
        ("role_taken", "نقش را برداشت"),
        ("user_blocked", "کاربر را مسدود کرد"),
        ("user_unblocked", "مسدودی را برداشت"),
        ("phone_verified", "شماره را تأیید کرد"),
        ("sessions_ended", "نشست‌ها را پایان داد"),
        ("user_deleted", "کاربر را حذف کرد"),
    ],
};

pub(super) static EN: AuditWords = AuditWords {
    title: "Audit log",
    when: "When",
    who: "Who",
    what: "What",
    whom: "To whom or what",
    why: "Why",
    from_where: "From where",
    details: "Details",
    from: "From day",
    to: "To day",
    actor: "Id of who did it",
    subject: "Id of the user",
    object: "Object",
    command_line: "by a command on the server",
    owner: "the user",
    system: "the service",
    actions: &[
        ("superuser_created", "superuser created"),
        ("superuser_promoted", "made a superuser"),
        ("password_set", "password set"),
        ("phone_move_asked", "move of a number asked for"),
        ("phone_move_stopped", "move of a number stopped"),
        ("phone_moved", "number moved"),
        ("users_imported", "users imported"),
        ("console_sign_in", "signed in to the console"),
        ("console_log_out", "signed out of the console"),
        ("console_proven_again", "gave a code once more"),
        ("console_factor_set_up", "set up the app"),
        ("console_factor_locked", "wrong codes, locked"),
        ("admin_link_made", "sign-in link made"),
        ("admin_link_used", "came by a link"),
        ("number_unmasked", "saw a number whole"),
        ("role_given", "gave a role"),
        ("role_taken", "took a role"),
        ("user_blocked", "blocked a user"),
        ("user_unblocked", "unblocked a user"),
        ("phone_verified", "verified a number"),
        ("sessions_ended", "ended sessions"),
        ("user_deleted", "deleted a user"),
    ],
};
