// What is said where an administrator signs in.
export const accessText = {
  stay: "Stay signed in for eight hours",
  stayHint: "A cookie that no script can read stands for the key, in all tabs of this browser. It ends with the key, and when you sign out.",
  signIn: "Sign in",
  signedIn: "Signed in with",
  until: "until",
  signOut: "Sign out",
  over: { title: "Your session is over", detail: "Sign in again; what you typed is still here." },
} as const;
